"""The payment provider in memory, with the sandbox's own rules: for tests, and for whoever writes against the port."""

from __future__ import annotations

import asyncio
from datetime import datetime

from rtp.kit.clock import Clock, SystemClock
from rtp.kit.money import Money
from rtp.payments.errors import ProviderOutcomeUnknown, ProviderUnavailable
from rtp.payments.ports import ProviderCard, ProviderCharge, ProviderRefund, declined
from rtp.payments.sandbox_book import Behaviour, Book, Control, Failing


class FakeProvider:
    """A payment provider that lives as long as its process. It never waits: a call that would hang fails at once."""

    name = "fake"

    def __init__(self, clock: Clock | None = None) -> None:
        self.book = Book(clock or SystemClock())
        self._failing = Failing()

    async def steer(self, control: Control) -> None:
        """Make it misbehave."""
        self.book.steer(control)

    async def tokenize(self, card: str) -> ProviderCard:
        """The test card of a name."""
        self._read()
        return self.book.card(card)

    async def charge(self, key: str, amount: Money, card_ref: str, description: str) -> ProviderCharge:
        """Take money from a test card."""
        await self._act(key)
        charge, behaviour = self.book.charge(key, amount, card_ref, description)
        _answer(key, behaviour)
        if charge.state == "failed":
            raise declined(charge)
        return charge

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        """Return money of a charge."""
        await self._act(key)
        refund, behaviour = self.book.refund(key, charge_ref, amount, reason)
        _answer(key, behaviour)
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


def _answer(key: str, behaviour: Behaviour) -> None:
    if behaviour == "hang":
        raise ProviderOutcomeUnknown(key=key, why="no answer in time")
