"""Two lost disputes of one payment, of which a refund held the money: each takes the tax of its own amount."""

from __future__ import annotations

import pytest

from rtp.disputes import service as disputes
from rtp.disputes.schemas import Dispute
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments.ports import ProviderDispute
from rtp.permissions import LOCAL_OWNER
from tests.disputes.objections import Objections


async def lost(desk: Objections, payment: str, ref: str, amount: int) -> Dispute:
    """Take in a dispute that the provider tells of when it is over."""
    charge = await desk.provider.retrieve_charge_by_key(payment)
    assert charge is not None
    told = ProviderDispute(
        ref=ref, key=payment, charge_ref=charge.ref, amount=Money(amount, "USD"), reason="general", state="lost",
        due_by=charge.created_at, created_at=charge.created_at,
    )  # fmt: skip
    async with desk.frames.writing(operation="tests.lose", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        return await disputes.take(frame, "sandbox", told)


@pytest.mark.parametrize("first, taxes", [(1_250, (250, 0)), (1_000, (200, 2))])
async def test_the_second_takes_its_own_tax_also_before_the_first_was_placed(
    desk: Objections, first: int, taxes: tuple[int, int]
) -> None:
    await desk.rules(approval=[{"currency": "USD", "above": 500}])
    payment = await desk.pay((1_000, 250))
    waiting = await desk.refunded(payment, amount=1_250)
    one = await lost(desk, payment.id, "dp_one", first)
    assert (one.state, one.tax.amount) == ("lost", 0)
    assert (await desk.decide(waiting["id"], "reject")).status_code == 200
    two = await lost(desk, payment.id, "dp_two", 10)
    assert (two.state, two.tax.amount) == ("lost", taxes[1])
    assert (await desk.read(f"disputes/{one.id}"))["tax"]["amount"] == taxes[0]
    await desk.work()
    await desk.books_hold()
