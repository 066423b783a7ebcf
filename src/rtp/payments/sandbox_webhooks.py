"""The sandbox provider's webhooks: each event is sent until it is taken, or as badly as the controls say.

What was taken is written down, so a restart sends the rest again, and a crash in between sends some twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Literal

import httpx
import msgspec

from rtp.kit import signing
from rtp.payments.errors import ProviderUnavailable
from rtp.payments.ports import ProviderEvent
from rtp.payments.sandbox_book import Book
from rtp.payments.sandbox_entries import EventsDone
from rtp.payments.sandbox_wire import webhook_headers
from rtp.sandbox.schemas import Delivery, SandboxEvent

WAITS = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 36_000.0)
"""Seconds after each attempt that was not taken; after the last the event is given up until the next start."""
TOGETHER = 20
"""Webhooks that are under way at the same time."""
HELD_SECONDS = 1.0
"""How long a lone event waits for another one to be sent before it, when they are to be reordered."""
TIMEOUT_SECONDS = 15.0
IDLE_SECONDS = 0.5
"""How often it looks at least: controls end and money settles by the clock, which wakes nobody."""
SHOWN = 500


class Parcel(msgspec.Struct, kw_only=True):
    """An event that nobody has taken yet; instants are of the monotonic clock."""

    event: ProviderEvent
    since: float
    next_at: float
    attempts: int = 0
    answer: str = ""
    given_up: bool = False


class Courier:
    """Carries events to the platform."""

    def __init__(
        self, book: Book, secret: str, own_url: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`own_url` is where webhooks go unless the controls name another place; empty is nowhere."""
        self._book = book
        self._secret = secret
        self._own_url = own_url
        self._monotonic = monotonic
        self._wake = asyncio.Event()
        self._parcels: dict[str, Parcel] = {}
        self._finished: dict[str, Parcel] = {}
        for event in book.record.events.values():
            if event.id not in book.record.done:
                self._take(event)
        book.record.listener = self._take

    @property
    def url(self) -> str:
        """Where webhooks go now."""
        return self._book.control.webhook_url or self._own_url

    @property
    def waiting(self) -> int:
        """How many events are still to be taken."""
        return sum(not parcel.given_up for parcel in self._parcels.values())

    @property
    def given_up(self) -> int:
        """How many events were refused too often."""
        return sum(parcel.given_up for parcel in self._parcels.values())

    def events(self) -> list[SandboxEvent]:
        """The newest events, newest first, and how far each has come."""
        newest = list(self._book.record.events.values())[-SHOWN:]
        return [self._shown(event) for event in reversed(newest)]

    async def run(self) -> None:
        """Carry until cancelled."""
        limits = httpx.Limits(max_connections=TOGETHER)
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, limits=limits) as client:
            while True:
                self._wake.clear()
                sent = 0
                try:
                    self._book.catch_up()
                    sent = await self.round(client)
                except ProviderUnavailable as error:  # the disk is full: what was taken is sent once more
                    print(f"webhooks: {error.message}", flush=True)  # noqa: T201 - its log
                if not sent:
                    await self._pause()

    async def round(self, client: httpx.AsyncClient) -> int:
        """Send what is due now, and write down what was taken; how many were sent.

        Raises: ProviderUnavailable when that cannot be written.
        """
        mode, due = self._book.control.webhooks, self._due()
        if mode == "dropped":
            self._finish(due, "dropped")
            return len(due)
        if not self.url or not due:
            return 0
        if mode == "reordered":
            if len(due) == 1 and self._monotonic() - due[0].since < HELD_SECONDS:
                return 0
            for parcel in reversed(due):
                await self._send(client, parcel)
        else:
            await asyncio.gather(*(self._send(client, parcel) for parcel in due))
        self._finish((parcel for parcel in due if parcel.answer.startswith("2")), "taken")
        return len(due)

    def _take(self, event: ProviderEvent) -> None:
        now = self._monotonic()
        delay = self._book.control.webhook_delay_ms / 1000
        self._parcels[event.id] = Parcel(event=event, since=now, next_at=now + delay)
        self._wake.set()

    def _due(self) -> list[Parcel]:
        """The oldest that may be sent now, one of each object, so that those of one object keep their order."""
        now = self._monotonic()
        due: dict[str, Parcel] = {}
        for parcel in self._parcels.values():
            if parcel.next_at <= now and not parcel.given_up:
                one_by_one = self._book.control.webhooks != "reordered"
                due.setdefault(parcel.event.subject.ref if one_by_one else parcel.event.id, parcel)
            if len(due) == TOGETHER:
                break
        return list(due.values())

    async def _send(self, client: httpx.AsyncClient, parcel: Parcel) -> None:
        mode = self._book.control.webhooks
        if mode == "forged":
            answer = await self._post(client, _twin(parcel.event), signing.new_secret())
            print(f"webhooks: a forged twin of {parcel.event.id} was answered {answer}", flush=True)  # noqa: T201
        sends = [self._post(client, parcel.event, self._secret) for _ in range(2 if mode == "duplicate" else 1)]
        answers = await asyncio.gather(*sends)
        parcel.answer = min(answers)
        parcel.attempts += 1
        if parcel.attempts > len(WAITS):
            parcel.given_up = True
        else:
            parcel.next_at = self._monotonic() + WAITS[parcel.attempts - 1]

    async def _post(self, client: httpx.AsyncClient, event: ProviderEvent, secret: str) -> str:
        body = msgspec.json.encode(event)
        headers = webhook_headers([secret], event, body, self._book.clock.now())
        try:
            answer = await client.post(self.url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return str(error) or type(error).__name__
        return str(answer.status_code)

    def _finish(self, parcels: Iterable[Parcel], outcome: Literal["taken", "dropped"]) -> None:
        ids = [parcel.event.id for parcel in parcels]
        if ids:
            self._book.record.write(EventsDone(ids=ids, outcome=outcome))
            self._finished.update((id, self._parcels.pop(id)) for id in ids)

    async def _pause(self) -> None:
        nearest = min((one.next_at for one in self._parcels.values() if not one.given_up), default=None)
        wait = IDLE_SECONDS if nearest is None else min(IDLE_SECONDS, max(0.01, nearest - self._monotonic()))
        try:
            await asyncio.wait_for(self._wake.wait(), wait)
        except TimeoutError:
            return

    def _shown(self, event: ProviderEvent) -> SandboxEvent:
        parcel = self._parcels.get(event.id) or self._finished.get(event.id)
        delivery: Delivery = self._book.record.done.get(event.id, "waiting")
        return SandboxEvent(
            id=event.id,
            type=event.type,
            about=event.subject.key,
            created_at=event.created_at,
            delivery="given_up" if parcel and parcel.given_up else delivery,
            attempts=parcel.attempts if parcel else 0,
            answer=parcel.answer if parcel else "",
        )


def _twin(event: ProviderEvent) -> ProviderEvent:
    """The same event over ten times the money, as somebody would like it who has no secret."""
    amount = msgspec.structs.replace(event.subject.amount, amount=event.subject.amount.amount * 10)
    return msgspec.structs.replace(event, subject=msgspec.structs.replace(event.subject, amount=amount))
