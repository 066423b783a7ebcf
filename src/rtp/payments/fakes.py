"""The payment provider in memory, with the sandbox's own rules: for tests, and for whoever writes against the port."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from rtp.kit.clock import Clock, SystemClock
from rtp.kit.money import Money
from rtp.payments import sandbox_wire
from rtp.payments.errors import ProviderOutcomeUnknown, ProviderUnavailable
from rtp.payments.ports import (
    ProviderCard,
    ProviderCharge,
    ProviderDispute,
    ProviderEvent,
    ProviderRefund,
    declined,
)
from rtp.payments.sandbox_book import Book
from rtp.payments.sandbox_cards import Behaviour
from rtp.payments.sandbox_mishaps import Failing
from rtp.sandbox.schemas import Control


class FakeProvider:
    """A payment provider that lives as long as its process. It never waits: a call that would hang fails at once."""

    name = "sandbox"  # what its payments are made through

    def __init__(self, clock: Clock | None = None) -> None:
        self.book = Book(clock or SystemClock(), provider=self.name)
        self._failing, self._losing = Failing(), Failing()

    async def steer(self, control: Control) -> None:
        """Make it misbehave."""
        self.book.steer(control)

    async def tokenize(self, card: str) -> ProviderCard:
        """The test card of a name."""
        self._read()
        return self.book.card(card)

    async def charge(
        self, key: str, amount: Money, card_ref: str, description: str, capture: bool = True
    ) -> ProviderCharge:
        """Take or reserve money of a test card."""
        await self._act(key)
        charge, behaviour = self.book.charge(key, amount, card_ref, description, capture)
        self._answer(key, behaviour)
        if charge.state == "failed":
            raise declined(charge)
        return charge

    async def capture(self, key: str, charge_ref: str, amount: Money) -> ProviderCharge:
        """Take what was reserved."""
        await self._act(key)
        charge, behaviour = self.book.capture(key, charge_ref, amount)
        self._answer(key, behaviour)
        return charge

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        """Return money of a charge."""
        await self._act(key)
        refund, behaviour = self.book.refund(key, charge_ref, amount, reason)
        self._answer(key, behaviour)
        return refund

    async def retrieve_charge_by_key(self, key: str) -> ProviderCharge | None:
        """The charge made under a key."""
        self._read()
        return self.book.charge_of(key)

    async def retrieve_refund_by_key(self, key: str) -> ProviderRefund | None:
        """The refund made under a key."""
        self._read()
        return self.book.refund_of(key)

    async def list_charges(self, since: datetime) -> list[ProviderCharge]:
        """All charges since an instant."""
        self._read()
        return self.book.charges(since)

    async def list_refunds(self, since: datetime) -> list[ProviderRefund]:
        """All refunds since an instant."""
        self._read()
        return self.book.refunds(since)

    async def list_disputes(self, since: datetime) -> list[ProviderDispute]:
        """All disputes since an instant."""
        self._read()
        return self.book.disputes_since(since)

    async def submit_evidence(self, key: str, dispute_ref: str, evidence: dict[str, str]) -> ProviderDispute:
        """Answer a dispute."""
        await self._act(key)
        dispute = self.book.submit_evidence(key, dispute_ref, evidence)
        self._answer(key, "")
        return dispute

    async def accept_dispute(self, key: str, dispute_ref: str) -> ProviderDispute:
        """Give the money of a dispute up."""
        await self._act(key)
        dispute = self.book.accept_dispute(key, dispute_ref)
        self._answer(key, "")
        return dispute

    def verify_webhook(
        self, headers: Mapping[str, str], body: bytes, now: datetime, secrets: Sequence[str]
    ) -> ProviderEvent:
        """The event in a signed message."""
        return sandbox_wire.event_in(self.name, headers, body, now, secrets)

    def open_dispute(self, charge_key: str, reason: str = "fraudulent", amount: Money | None = None) -> ProviderDispute:
        """Let the cardholder object to a charge.

        Raises: ProviderRefused.
        """
        self.book.catch_up()
        return self.book.disputes.open(self.book.record.charges[charge_key].charge, reason, amount)

    def events(self) -> list[ProviderEvent]:
        """Everything it would have told by webhook, oldest first."""
        self.book.catch_up()
        return list(self.book.record.events.values())

    def webhook(self, event: ProviderEvent, secrets: Sequence[str], now: datetime) -> tuple[dict[str, str], bytes]:
        """The headers and the body of an event's webhook."""
        body = msgspec.json.encode(event)
        return sandbox_wire.webhook_headers(secrets, event, body, now), body

    async def health(self) -> bool:
        """Whether it takes calls."""
        return not (self.book.control.down or self.book.control.hang)

    async def close(self) -> None:
        """Nothing is open."""

    async def _act(self, key: str) -> None:
        """What the controls do to a call that moves money; others get their turn, as they would on a network."""
        await asyncio.sleep(0)
        control = self.book.control
        if control.down:
            raise ProviderUnavailable(why="it is down")
        if control.hang:
            raise ProviderOutcomeUnknown(key=key, why="no answer in time")
        if self._failing.next(control.fail_rate):
            raise ProviderOutcomeUnknown(key=key, why="it answered 500")

    def _read(self) -> None:
        control = self.book.control
        if control.down or control.hang or self._failing.next(control.fail_rate):
            raise ProviderUnavailable(why="it is down")

    def _answer(self, key: str, behaviour: Behaviour) -> None:
        if behaviour == "hang" or self._losing.next(self.book.control.lost_answer_rate):
            raise ProviderOutcomeUnknown(key=key, why="no answer in time")
