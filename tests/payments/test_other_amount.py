"""A provider that answers for another amount than it was asked for: nothing is booked, and somebody is told."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.invariants import service as invariants
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.ledger import service as ledger
from rtp.payments import jobs as payment_jobs
from rtp.payments import service as payments
from rtp.payments.ports import ProviderCharge, ProviderRefund
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation.comparing import Comparison
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import service as refunds
from rtp.testing.reconciling import Garden
from tests.reconciliation.test_planted import Provider

ABOUT: dict[str, Any] = {"operation": "tests.look", "principal": LOCAL_OWNER}
LESS, MORE, YEN = Money(999, "USD"), Money(5_000, "USD"), Money(1_000, "JPY")


class Other(Provider):
    """Answers for another amount; where `captured` is set, the charge took only so much of what was asked for."""

    amount: Money | None = None
    captured: Money | None = None

    async def charge(
        self, key: str, amount: Money, card_ref: str, description: str, capture: bool = True
    ) -> ProviderCharge:
        return self._charge(await super().charge(key, amount, card_ref, description, capture))

    async def retrieve_charge_by_key(self, key: str) -> ProviderCharge | None:
        found = await super().retrieve_charge_by_key(key)
        return found and self._charge(found)

    async def list_charges(self, since: Any) -> list[ProviderCharge]:
        return [self._charge(one) for one in await super().list_charges(since)]

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        return self._refund(await super().refund(key, charge_ref, amount, reason))

    async def retrieve_refund_by_key(self, key: str) -> ProviderRefund | None:
        found = await super().retrieve_refund_by_key(key)
        return found and self._refund(found)

    async def list_refunds(self, since: Any) -> list[ProviderRefund]:
        return [self._refund(one) for one in await super().list_refunds(since)]

    def _charge(self, made: ProviderCharge) -> ProviderCharge:
        taken = self.captured or self.amount or made.captured
        return structs.replace(made, amount=self.amount or made.amount, captured=taken)

    def _refund(self, made: ProviderRefund) -> ProviderRefund:
        return structs.replace(made, amount=self.amount or made.amount)


@pytest.fixture
def garden(frames: Frames, clock: FixedClock) -> Garden:
    return Garden(frames, Other(clock), (*payment_jobs.JOBS, *refund_jobs.JOBS), amount=1_000)


async def told(garden: Garden, noun: str, clock: FixedClock) -> None:
    """Both the invariants and reconciliation name it; the books hold."""
    clock.instant += timedelta(hours=1)
    now = clock.now()
    async with garden.writing() as frame:
        await frame.execute(text("DELETE FROM procrastinate_jobs"))  # its questions have all been asked
    record = await invariants.ask(garden.provider, now)
    async with garden.frames.reading(**ABOUT, trace=trace.start()) as frame:
        checks = {one.name: one for one in (await invariants.examine(frame, record)).checks}
        assert (await ledger.check(frame)).state == "held"
    assert checks["provider record"].state == "failed"
    assert checks["unknown outcomes"].state == "failed"
    reading = partial(garden.frames.reading, **ABOUT, trace=trace.start())
    look = await Comparison(garden.provider, "sandbox", reading, since=now - timedelta(days=7), now=now).look()
    assert (noun, "amount", "set_aside") in {(one.noun, one.kind, one.fix) for one in look.differences}


@pytest.mark.parametrize(
    "amount, captured", [(LESS, None), (MORE, None), (YEN, None), (None, LESS)], ids=["less", "more", "yen", "a part"]
)
async def test_no_charge_of_another_amount_is_booked(
    garden: Garden, clock: FixedClock, amount: Money | None, captured: Money | None
) -> None:
    assert isinstance(garden.provider, Other)
    garden.provider.amount, garden.provider.captured = amount, captured
    payment = await garden.asked()
    async with garden.writing() as frame:
        frame.enqueue("payments.submit", payment=payment.id)
    await garden.work()
    async with garden.writing() as frame:
        after = await payments.find(frame, payment.id)
    assert (after.state, after.failure_reason, after.captured.amount) == ("unknown", "other_amount", 0)
    await told(garden, "charge", clock)


@pytest.mark.parametrize("amount", [LESS, MORE, YEN], ids=["less", "more", "yen"])
async def test_no_refund_of_another_amount_is_booked(garden: Garden, clock: FixedClock, amount: Money) -> None:
    assert isinstance(garden.provider, Other)
    payment, refund = await garden.returning()
    garden.provider.amount = amount
    async with garden.writing() as frame:
        frame.enqueue("refunds.submit", refund=refund.id)
    await garden.work()
    async with garden.writing() as frame:
        after = await refunds.find(frame, refund.id)
        held = (await payments.find(frame, payment.id)).refunded
    assert (after.state, after.failure_reason, held) == ("unknown", "other_amount", refund.amount)
    await told(garden, "refund", clock)
