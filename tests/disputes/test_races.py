"""A refund racing a dispute, with real parallel requests against one database."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from rtp.kit.money import Money
from rtp.payments.ports import ProviderEvent
from rtp.testing import money, webhooks
from rtp.webhooks import received_jobs
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
    assert states <= {"failed", "canceled"}
    assert len((await desk.read("disputes", limit=100))["items"]) == 30
    await desk.books_hold()


async def test_a_refund_that_still_waits_to_be_sent_when_a_dispute_comes_is_never_sent(desk: Objections) -> None:
    payment = await desk.pay((8_000, 2_000))
    refund = await desk.refunded(payment, amount=4_000)
    await desk.post(opened(desk, payment.id))
    await money.run_jobs(desk.frames, desk.provider, received_jobs.JOBS)
    assert (await desk.show(refund["id"]))["state"] == "created"
    await desk.work()
    shown = await desk.show(refund["id"])
    assert (shown["state"], shown["failure_reason"]) == ("canceled", "charge_disputed")
    assert await desk.provider.list_refunds(payment.created_at) == []
    assert (await desk.payment(payment))["refunded"]["amount"] == 0
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


@pytest.mark.prove("races", sample=True)
async def test_refunds_that_race_a_lost_dispute_never_take_more_of_a_line_than_is_left(desk: Objections) -> None:
    """Lines of two rates: the dispute is lost while refunds of both are issued, and then a part of the rest is."""
    codes: Counter[str] = Counter()
    for number in range(12):
        payment = await desk.pay((1000, 0), (1000, 250), email=desk.member())
        theirs = desk.provider.open_dispute(payment.id, amount=Money(1125, "USD"))
        lost = webhooks.event(
            await desk.provider.accept_dispute(f"given-up-{number}", theirs.ref), type="dispute.closed"
        )
        asked = [desk.issue(payment, again=True, lines=[{"position": n, "amount": 400}]) for n in (1, 2, 1, 2)]
        answers, _ = await asyncio.gather(asyncio.gather(*asked), _told(desk, lost))
        codes.update(answer.json().get("code", "taken") for answer in answers)
        await desk.work()
        if left := (await desk.payment(payment))["refundable"]["amount"]:
            await desk.refunded(payment, amount=min(left, 333))
        await desk.work()
    assert codes["taken"]
    assert set(codes) <= {"taken", "line_exceeded", "refund_exceeds_captured"}
    await desk.books_hold()


async def _told(desk: Objections, event: ProviderEvent) -> None:
    await desk.post(event)
    await desk.work()
