"""The sandbox's webhooks: sent until they are taken, and badly when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from rtp.kit import signing
from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.payments import sandbox_webhooks, sandbox_wire
from rtp.payments.errors import ProviderUnavailable, WebhookForged
from rtp.payments.http_provider import HttpProvider
from rtp.payments.ports import ProviderEvent
from rtp.payments.sandbox_book import Book
from rtp.payments.sandbox_entries import Entry, EventsDone
from rtp.payments.sandbox_webhooks import WAITS, Courier
from rtp.runtime.site import free_port
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing.provider import Sandbox, running

SECRET = signing.secret_of(b"s" * 32)
TEN = Money(1000, "USD")


class Receiver:
    """What the platform would be: it keeps what comes, and answers as the test says."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.answers: list[int] = []
        self.genuine: list[ProviderEvent] = []
        self.forged = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = (await receive())["body"]
        status = self.answers.pop(0) if self.answers else 204
        try:
            event = sandbox_wire.event_in("sandbox", headers, body, self.clock.now(), [SECRET])
            self.genuine.append(event)
        except WebhookForged:
            self.forged += 1
            status = 401
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Desk:
    """A book and its courier on a clock that the test moves."""

    def __init__(self, clock: FixedClock, client: httpx.AsyncClient, receiver: Receiver) -> None:
        self.clock, self.client, self.receiver = clock, client, receiver
        self.entries: list[Entry] = []
        self.book = Book(clock, self.keep)
        self.full = False
        self.seconds = 0.0
        self.courier = self.start()

    def keep(self, entry: Entry) -> None:
        if self.full:
            raise ProviderUnavailable(why="the disk is full")
        self.entries.append(entry)

    def start(self) -> Courier:
        return Courier(self.book, SECRET, "http://rtp/v1/webhooks/sandbox", monotonic=lambda: self.seconds)

    def crash(self) -> None:
        """Begin anew with what was kept."""
        self.book = Book(self.clock, self.keep)
        for entry in self.entries:
            self.book.record.apply(entry)
        self.courier = self.start()

    async def rounds(self, seconds: float = 0.0) -> None:
        self.seconds += seconds
        while await self.courier.round(self.client):
            pass

    def charge(self, key: str) -> str:
        return self.book.charge(key, TEN, "card_visa", "")[0].ref

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(event.type, event.subject.key) for event in self.receiver.genuine]


@pytest.fixture
async def desk(clock: FixedClock) -> AsyncIterator[Desk]:
    receiver = Receiver(clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(receiver)) as client:
        yield Desk(clock, client, receiver)


async def test_each_event_is_sent_once_signed_and_holds_the_object_as_it_was(desk: Desk) -> None:
    ref = desk.charge("c1")
    desk.book.steer(Control(refund_delay_ms=1_000))
    desk.book.refund("r1", ref, TEN, "")
    desk.clock.instant += timedelta(seconds=1)
    desk.book.catch_up()
    await desk.rounds()
    await desk.rounds(100_000)
    assert desk.told == [("charge.succeeded", "c1"), ("refund.pending", "r1"), ("refund.succeeded", "r1")]
    states = [getattr(event.subject, "state", "") for event in desk.receiver.genuine]
    assert states == ["succeeded", "pending", "succeeded"]
    assert desk.courier.waiting == 0
    desk.crash()
    await desk.rounds()
    assert len(desk.told) == 3


async def test_what_was_not_taken_is_sent_again_with_the_same_id(desk: Desk) -> None:
    desk.receiver.answers = [500, 404, 302, 204]
    desk.charge("c1")
    for wait in (0, 0.9, 0.1, WAITS[1], WAITS[2], 100_000):
        await desk.rounds(wait)
    assert desk.told == [("charge.succeeded", "c1")] * 4
    assert len({event.id for event in desk.receiver.genuine}) == 1
    [event] = desk.courier.events()
    assert (event.delivery, event.attempts, event.answer) == ("taken", 4, "204")


async def test_who_never_takes_it_is_given_up_and_asked_again_after_a_restart(desk: Desk) -> None:
    desk.receiver.answers = [500] * 100
    desk.charge("c1")
    for wait in (0, *WAITS, 1_000_000):
        await desk.rounds(wait)
    assert len(desk.told) == len(WAITS) + 1
    [event] = desk.courier.events()
    assert (event.delivery, event.attempts, event.answer) == ("given_up", len(WAITS) + 1, "500")
    assert (desk.courier.waiting, desk.courier.given_up) == (0, 1)
    desk.receiver.answers = []
    desk.crash()
    await desk.rounds()
    assert desk.courier.events()[0].delivery == "taken"


async def test_duplicates_come_twice_with_one_id(desk: Desk) -> None:
    desk.book.steer(Control(webhooks="duplicate"))
    desk.charge("c1")
    await desk.rounds()
    assert desk.told == [("charge.succeeded", "c1")] * 2
    assert len({event.id for event in desk.receiver.genuine}) == 1


async def test_reordered_ones_come_newest_first(desk: Desk) -> None:
    desk.book.steer(Control(webhooks="reordered"))
    ref = desk.charge("c1")
    await desk.rounds()
    assert desk.told == []
    desk.book.refund("r1", ref, TEN, "")
    await desk.rounds()
    assert desk.told == [("refund.succeeded", "r1"), ("charge.succeeded", "c1")]
    desk.charge("c2")
    await desk.rounds(sandbox_webhooks.HELD_SECONDS)
    assert desk.told[2:] == [("charge.succeeded", "c2")]


async def test_delayed_ones_come_after_their_delay(desk: Desk) -> None:
    desk.book.steer(Control(webhook_delay_ms=2_000))
    desk.charge("c1")
    await desk.rounds(1.9)
    assert desk.told == []
    await desk.rounds(0.1)
    assert desk.told == [("charge.succeeded", "c1")]


async def test_a_forged_twin_comes_before_the_genuine_one(desk: Desk) -> None:
    desk.book.steer(Control(webhooks="forged"))
    desk.charge("c1")
    await desk.rounds()
    assert (desk.receiver.forged, desk.told) == (1, [("charge.succeeded", "c1")])
    assert desk.receiver.genuine[0].subject.amount == TEN


async def test_dropped_ones_never_come_also_not_after_a_restart(desk: Desk) -> None:
    desk.book.steer(Control(webhooks="dropped"))
    desk.charge("c1")
    await desk.rounds()
    desk.book.steer(Control())
    await desk.rounds(100_000)
    desk.crash()
    await desk.rounds()
    assert desk.told == []
    assert [event.delivery for event in desk.courier.events()] == ["dropped"]


async def test_what_was_taken_and_could_not_be_noted_comes_once_more(desk: Desk) -> None:
    desk.charge("c1")
    desk.full = True
    with pytest.raises(ProviderUnavailable):
        await desk.rounds()
    desk.full = False
    await desk.rounds(WAITS[0])
    assert desk.told == [("charge.succeeded", "c1")] * 2
    assert [one for one in desk.entries if isinstance(one, EventsDone)] == [
        EventsDone(ids=[desk.receiver.genuine[0].id], outcome="taken")
    ]


async def test_events_of_one_object_are_never_under_way_together(desk: Desk) -> None:
    desk.book.steer(Control(refunds_pending=True))
    ref = desk.charge("c1")
    desk.book.refund("r1", ref, TEN, "")
    desk.book.steer(Control())
    assert await desk.courier.round(desk.client) == 2
    assert ("refund.succeeded", "r1") not in desk.told
    assert await desk.courier.round(desk.client) == 1


class Api:
    """A server of the loopback that takes webhooks, as the platform's own would."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[str] = []
        self.came = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length:"))
        self.bodies.append(await reader.readexactly(int(length.partition(":")[2])))
        self.heads.append(head)
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        self.came.set()


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Api]:
    api = Api()
    async with await asyncio.start_server(api.talk, "127.0.0.1", port):
        yield api


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running(tmp_path / "instance", api_port=free_port()) as started:
        yield started


async def until(held: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not held():  # noqa: ASYNC110 - another process comes to it
            await asyncio.sleep(0.02)


async def test_killed_before_a_webhook_was_taken_the_process_sends_it_after_its_restart(sandbox: Sandbox) -> None:
    provider = HttpProvider(sandbox.url, sandbox.token)
    charge = await provider.charge("c1", TEN, "card_visa", "a month")  # nobody listens yet
    sandbox.kill()
    async with listening(sandbox.api_port) as api:
        sandbox.start()
        await asyncio.wait_for(api.came.wait(), 20)
        assert api.heads[0].startswith("POST /v1/webhooks/sandbox HTTP/1.1")
        assert msgspec.json.decode(api.bodies[0], type=ProviderEvent).subject == charge
        await until(lambda: b'"events"' in sandbox.journal.read_bytes())
        sandbox.kill()
        sandbox.start()
        await provider.charge("c2", TEN, "card_visa", "a month")
        await until(lambda: len(api.bodies) > 1)
        keys = [msgspec.json.decode(body, type=ProviderEvent).subject.key for body in api.bodies]
        assert keys == ["c1", "c2"]
    await provider.close()


async def test_money_settles_and_is_told_without_anybody_asking(sandbox: Sandbox) -> None:
    provider = HttpProvider(sandbox.url, sandbox.token)
    async with listening(sandbox.api_port) as api:
        await provider.steer(Control(charge_delay_ms=300))
        await provider.charge("c1", TEN, "card_visa", "a month")
        await asyncio.wait_for(api.came.wait(), 20)
        event = msgspec.json.decode(api.bodies[0], type=ProviderEvent)
        assert (event.type, event.subject.key) == ("charge.succeeded", "c1")
    await provider.close()


async def test_the_instance_knows_the_webhooks_of_its_own_sandbox(sandbox: Sandbox, clock: FixedClock) -> None:
    provider = HttpProvider(sandbox.url, sandbox.token)
    async with listening(sandbox.api_port) as api:
        await provider.charge("c1", TEN, "card_visa", "a month")
        await asyncio.wait_for(api.came.wait(), 20)
    lines = [line.partition(": ") for line in api.heads[0].split("\r\n")[1:]]
    headers = {name: value for name, _, value in lines if name}
    settings = Settings(home=str(sandbox.home), provider_token=sandbox.token)
    secret = sandbox_wire.webhook_secret(settings)
    now = clock.now().fromtimestamp(int(headers["webhook-timestamp"]), tz=clock.now().tzinfo)
    event = provider.verify_webhook(headers, api.bodies[0], now, [secret])
    assert event.subject.key == "c1"
    assert sandbox.token not in secret
    await provider.close()
