"""A refund racing a dispute, with real parallel requests against one database."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from rtp.payments.ports import ProviderEvent
from tests.disputes.objections import Objections


def opened(desk: Objections, payment: str) -> ProviderEvent:
    """The webhook of a dispute that the provider has just opened."""
    desk.provider.open_dispute(payment)
    return next(one for one in desk.provider.events() if one.type == "dispute.opened" and one.subject.key == payment)


@pytest.mark.prove("races", sample=True)
async def test_a_refund_that_races_a_dispute_never_returns_the_money_twice(desk: Objections) -> None:
    payments = [await desk.pay((10_000, 0), email=desk.member()) for _ in range(30)]
    events = {payment.id: opened(desk, payment.id) for payment in payments}
    codes: Counter[str] = Counter()

    async def told(event: ProviderEvent) -> None:
        await desk.post(event)
        await desk.work()

    for payment in payments:
        answer, _ = await asyncio.gather(desk.issue(payment, amount=10_000), told(events[payment.id]))
        codes[answer.json().get("code", "taken")] += 1
    await desk.work()
    assert set(codes) <= {"taken", "payment_disputed"}
    for payment in payments:
        after = await desk.payment(payment)
        assert (after["disputed"], after["refunded"]["amount"]) == (True, 0)
    states = {row[0] for row in await desk.sql("SELECT DISTINCT state FROM refunds")}
    assert states <= {"failed"}
    assert len((await desk.read("disputes", limit=100))["items"]) == 30
    await desk.books_hold()


@pytest.mark.prove("races")
async def test_twenty_events_of_one_dispute_at_once_open_it_once(desk: Objections) -> None:
    import msgspec

    payment = await desk.pay((10_000, 0))
    event = opened(desk, payment.id)
    await asyncio.gather(*(desk.post(msgspec.structs.replace(event, id=f"evt_{n}")) for n in range(20)))
    await asyncio.gather(*(desk.work() for _ in range(4)))
    assert len((await desk.read("disputes"))["items"]) == 1
    assert (await desk.balances())["disputes"] == 10_000
    await desk.books_hold()
