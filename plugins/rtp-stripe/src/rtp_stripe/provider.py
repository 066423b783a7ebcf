"""The adapter: the port's calls as Stripe's, one PaymentIntent for each charge."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from weakref import WeakValueDictionary

import stripe

from rtp.kit.money import Money
from rtp.payments.errors import ProviderRefused
from rtp.payments.ports import ProviderCard, ProviderCharge, ProviderDispute, ProviderEvent, ProviderRefund
from rtp_stripe import capturing, cards, charging, disputing, finding, refunding, webhooks
from rtp_stripe.calls import Calls

HEALTH_SECONDS = 1.0


class StripeProvider:
    """The adapter, one per process: it holds the connections.

    It never repeats a call; that is the business of the job, which repeats it under the same key.
    """

    name = webhooks.NAME

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def tokenize(self, card: str) -> ProviderCard:
        """The card behind a PaymentMethod, attached to a customer so that it can be charged again."""
        return await cards.tokenize(self._calls, card)

    async def charge(
        self, key: str, amount: Money, card_ref: str, description: str, capture: bool = True
    ) -> ProviderCharge:
        """Take or reserve money of a card, without its holder."""
        asked = charging.Asked(key, amount, card_ref, description, capture)
        async with self._turn(key):
            return await charging.charge(self._calls, asked)

    async def capture(self, key: str, charge_ref: str, amount: Money) -> ProviderCharge:
        """Take what was reserved."""
        async with self._turn(key):
            return await capturing.capture(self._calls, key, charge_ref, amount)

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        """Return money of a charge."""
        async with self._turn(key):
            return await refunding.refund(self._calls, key, charge_ref, amount, reason)

    async def retrieve_charge_by_key(self, key: str) -> ProviderCharge | None:
        """The charge made under a key."""
        return await finding.charge_by_key(self._calls, key)

    async def retrieve_refund_by_key(self, key: str) -> ProviderRefund | None:
        """The refund made under a key."""
        return await finding.refund_by_key(self._calls, key)

    async def list_charges(self, since: datetime) -> list[ProviderCharge]:
        """All charges since the second that an instant lies in."""
        return await finding.charges(self._calls, since)

    async def list_refunds(self, since: datetime) -> list[ProviderRefund]:
        """All refunds since the second that an instant lies in."""
        return await finding.refunds(self._calls, since)

    async def list_disputes(self, since: datetime) -> list[ProviderDispute]:
        """All disputes since the second that an instant lies in."""
        return await disputing.disputes(self._calls, since)

    async def submit_evidence(self, key: str, dispute_ref: str, evidence: dict[str, str]) -> ProviderDispute:
        """Answer a dispute."""
        async with self._turn(key):
            return await disputing.submit(self._calls, key, dispute_ref, evidence)

    async def accept_dispute(self, key: str, dispute_ref: str) -> ProviderDispute:
        """Give the money of a dispute up."""
        async with self._turn(key):
            return await disputing.accept(self._calls, key, dispute_ref)

    @staticmethod
    def verify_webhook(headers: Mapping[str, str], body: bytes, now: datetime, secrets: Sequence[str]) -> ProviderEvent:
        """The event in a message that Stripe signed."""
        return webhooks.verify(headers, body, now, secrets)

    async def health(self) -> bool:
        """Whether it takes calls with our key."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await self._calls.client.v1.balance.retrieve_async()
        except (stripe.StripeError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()

    def _turn(self, key: str) -> asyncio.Lock:
        """One call at a time under a key: Stripe answers 409 to a second one while the first is under way.

        Raises: ProviderRefused.
        """
        if not finding.KEY.fullmatch(key):
            raise ProviderRefused(why="a key is 1 to 255 visible ASCII characters")
        return self._turns.setdefault(key, asyncio.Lock())
