"""A refund racing a dispute, with real parallel requests against one database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

import pytest

from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderEvent, ProviderRefund
from rtp.payments.schemas import Payment
from rtp.testing import money, webhooks
from rtp.webhooks import received_jobs
from tests.disputes.objections import Objections
from tests.refunds.desk import Forgetful


def opened(provider: FakeProvider, payment: str) -> ProviderEvent:
    """The webhook of a dispute that the provider has just opened."""
    provider.open_dispute(payment)
    return next(one for one in provider.events() if one.type == "dispute.opened" and one.subject.key == payment)


@pytest.mark.prove("races", sample=True)
async def test_a_refund_that_races_a_dispute_never_returns_the_money_twice(desk: Objections) -> None:
    payments = [await desk.pay((10_000, 0), email=desk.member()) for _ in range(30)]
    events = {payment.id: opened(desk.provider, payment.id) for payment in payments}
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
    await desk.post(opened(desk.provider, payment.id))
    await money.run_jobs(desk.frames, desk.provider, received_jobs.JOBS)
    assert (await desk.show(refund["id"]))["state"] == "created"
    await desk.work()
    shown = await desk.show(refund["id"])
    assert (shown["state"], shown["failure_reason"]) == ("canceled", "charge_disputed")
    assert await desk.provider.list_refunds(payment.created_at) == []
    assert (await desk.payment(payment))["refunded"]["amount"] == 0
    await desk.books_hold()


class Trusting(Forgetful):
    """A provider that returns money of a charge whose dispute was lost, and leaves the cap to us."""

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        return ProviderRefund(
            ref=f"re_{key}", key=key, charge_ref=charge_ref, amount=amount, reason=reason, state="succeeded",
            created_at=self.book.clock.now(),
        )  # fmt: skip


@pytest.mark.parametrize(
    "disputed, state", [(10_000, "canceled"), (6_001, "canceled"), (6_000, "succeeded")], ids=["all", "a cent", "rest"]
)
async def test_a_refund_that_still_waits_to_be_sent_when_a_dispute_is_lost_is_never_sent_beyond_what_is_left(
    desk: Objections, disputed: int, state: str
) -> None:
    payment = await desk.pay((8_000, 2_000))
    refund = await desk.refunded(payment, amount=4_000)
    made = desk.provider.open_dispute(payment.id, amount=Money(disputed, "USD"))
    desk.provider.book.accept_dispute("give-in", made.ref)
    await desk.tell()
    await money.run_jobs(desk.frames, desk.provider, received_jobs.JOBS)
    assert ((await desk.show(refund["id"]))["state"], (await desk.payment(payment))["disputed"]) == ("created", False)
    desk.provider.__class__ = Trusting
    await desk.work()
    assert (await desk.show(refund["id"]))["state"] == state
    assert (await desk.payment(payment))["refunded"]["amount"] == (4_000 if state == "succeeded" else 0)
    await desk.books_hold()


@pytest.mark.prove("races")
async def test_twenty_events_of_one_dispute_at_once_open_it_once(desk: Objections) -> None:
    import msgspec

    payment = await desk.pay((10_000, 0))
    event = opened(desk.provider, payment.id)
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


class Objected(Forgetful):
    """A provider whose cardholder objects while a refund is under way: before the money goes back, or after."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.scenes: dict[str, Scene] = {}
        self.tell: Callable[[ProviderEvent], Awaitable[None]] | None = None

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        """Return money, in the order of the charge's scene; the webhook may be here before the answer."""
        charge = self.book.record.charge(charge_ref)
        assert charge is not None
        scene = self.scenes.pop(charge.key, None)
        if scene is None:
            return await super().refund(key, charge_ref, amount, reason)
        if scene.first == "dispute":
            event = opened(self, charge.key)
            done = await super().refund(key, charge_ref, amount, reason)
        else:
            done = await super().refund(key, charge_ref, amount, reason)
            event = opened(self, charge.key)
        if scene.told:
            assert self.tell is not None
            await self.tell(event)
        return done


class Scene(NamedTuple):
    """What the provider took first, and whether its webhook is taken in before it answers."""

    first: Literal["dispute", "refund"]
    told: bool


SCENES = [Scene("dispute", True), Scene("dispute", False), Scene("refund", True), Scene("refund", False)]


@pytest.mark.prove("races", sample=True)
async def test_of_a_refund_under_way_and_a_dispute_opened_meanwhile_no_more_than_was_captured_is_lost_in_either_order(
    desk: Objections,
) -> None:
    """The refund has left us when the dispute is opened, so the provider's order decides, and both are to occur."""
    provider = desk.provider = Objected(desk.clock)
    provider.tell = lambda event: _taken(desk, event)
    payments = [await desk.pay((8_000, 2_000), email=desk.member()) for _ in range(24)]
    provider.scenes = scenes = {payment.id: SCENES[n % 4] for n, payment in enumerate(payments)}
    wanted = {payment.id: scenes[payment.id].first for payment in payments}
    refunds = {payment.id: (await desk.refunded(payment, amount=4_000))["id"] for payment in payments}
    await asyncio.gather(*(desk.work() for _ in range(4)))
    assert not provider.scenes, "every refund was under way when its dispute was opened"
    await desk.tell()
    await desk.work()
    for payment in payments:
        refund = await desk.show(refunds[payment.id])
        [dispute] = await _disputes(desk, payment)
        ended = (refund["state"], refund["failure_reason"] or "", dispute["amount"]["amount"])
        assert ended == (
            ("failed", "charge_disputed", 10_000) if wanted[payment.id] == "dispute" else ("succeeded", "", 6_000)
        )
        again = await desk.issue(payment, amount=1, again=True)
        assert again.json()["code"] == "payment_disputed"
    await desk.books_hold()
    for payment in payments:
        [dispute] = await _disputes(desk, payment)
        assert (await desk.do(f"disputes/{dispute['id']}/accept")).status_code == 200
    await desk.work()
    for payment in payments:
        after = await desk.payment(payment)
        [dispute] = await _disputes(desk, payment)
        gone = after["refunded"]["amount"] + dispute["amount"]["amount"]
        assert (dispute["state"], after["refundable"]["amount"], gone) == ("lost", 0, after["captured"]["amount"])
        assert await _gone_there(provider, payment) == gone
        assert (await desk.issue(payment, amount=1, again=True)).json()["code"] == "refund_exceeds_captured"
    assert await desk.sql("SELECT id FROM payments WHERE refunds_held + disputes_lost > captured") == []
    await desk.books_hold()
    report = await desk.read("doctor/money")
    assert [check for check in report["checks"] if check["state"] == "failed"] == []


async def _taken(desk: Objections, event: ProviderEvent) -> None:
    await desk.post(event)
    await money.run_jobs(desk.frames, desk.provider, received_jobs.JOBS)


async def _disputes(desk: Objections, payment: Payment) -> list[Any]:
    return list((await desk.read("disputes", payment=payment.id))["items"])


async def _gone_there(provider: Objected, payment: Payment) -> int:
    """What the provider took from us for a payment: refunds that did not fail, and lost disputes."""
    refunds = [one for one in await provider.list_refunds(payment.created_at) if one.charge_ref == payment.provider_ref]
    disputes = [one for one in await provider.list_disputes(payment.created_at) if one.key == payment.id]
    return sum(one.amount.amount for one in refunds if one.state != "failed") + sum(
        one.amount.amount for one in disputes if one.state == "lost"
    )
