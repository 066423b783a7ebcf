"""A refund that the provider made, though here it was never noted as sent: whatever came since, the money is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from rtp.disputes import service as disputes
from rtp.kit.clock import FixedClock
from rtp.reconciliation import mending
from rtp.refunds import service as refunds
from rtp.refunds.schemas import IssueRefund
from rtp.testing.reconciling import Garden
from tests.reconciliation.test_planted import comparison, garden

__all__ = ["garden"]


@pytest.mark.parametrize("end", ["open", "lost"])
async def test_it_is_booked_as_paid_though_its_payment_was_disputed_since(
    garden: Garden, clock: FixedClock, end: str
) -> None:
    payment = await garden.paid()
    async with garden.writing() as frame:
        refund = await refunds.issue(frame, payment.id, IssueRefund(reason="duplicate", amount=1_000))
    async with garden.writing() as frame:
        await frame.execute(text("DELETE FROM procrastinate_jobs WHERE args ->> 'refund' = :id"), {"id": refund.id})
    await garden.give_back(payment, refund)
    assert garden.object is not None
    told = await garden.object(payment)
    if end == "lost":
        told = await garden.provider.accept_dispute("give-in", told.ref)
    async with garden.writing() as frame:
        await disputes.take(frame, "sandbox", told)
    clock.instant += timedelta(hours=1)
    [found] = [one for one in (await comparison(garden).look()).differences if one.noun == "refund"]
    assert (found.kind, found.fix, found.ours and found.ours.state) == ("status", "settle", "created")
    done = await mending.mend(comparison(garden), garden.writing, found)
    assert (done.outcome, done.note) == ("mended", "it is succeeded now")
    assert (await comparison(garden).look()).state == "equal"
