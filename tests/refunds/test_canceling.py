"""Calling off a refund: while nothing was sent, and never after that."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from rtp.kit.breaker import Rules
from rtp.payments.errors import ProviderResting, ProviderUnavailable
from rtp.payments.guarded import GuardedProvider
from rtp.refunds import jobs as refund_jobs
from rtp.sandbox.schemas import Control
from rtp.testing import money
from tests.refunds.desk import Desk


async def test_a_refund_that_waits_behind_an_open_breaker_is_called_off_and_frees_its_amount(desk: Desk) -> None:
    payment = await desk.pay()
    guarded = GuardedProvider(desk.provider, Rules(volume=1))
    await desk.provider.steer(Control(down=True))
    with pytest.raises(ProviderUnavailable):
        await guarded.refund("another", payment.provider_ref or "", payment.amount, "duplicate")
    assert guarded.breaker.state == "open"
    refund = await desk.refunded(payment, amount=4_000)
    with pytest.raises(ProviderResting):
        await money.run_jobs(desk.frames, guarded, refund_jobs.JOBS)
    assert (await desk.show(refund["id"]))["state"] == "created"
    answer = await desk.decide(refund["id"], "cancel", note="The wrong member.")
    assert (answer.status_code, answer.json()["state"]) == (200, "canceled")
    assert answer.json()["failure_reason"] == "canceled by local owner: The wrong member."
    assert (await desk.payment(payment))["refundable"]["amount"] == 10_000
    await desk.provider.steer(Control())
    await desk.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")
    await desk.work()
    assert await desk.provider.list_refunds(payment.created_at) == []
    await desk.books_hold()


@pytest.mark.parametrize(
    "says, state, code, status",
    [
        ("pending", "pending", "refund_sent", 409),
        ("lost", "unknown", "refund_sent", 409),
        ("", "succeeded", "illegal_refund_move", 422),
        ("failed", "failed", "illegal_refund_move", 422),
    ],
)
async def test_what_was_sent_cannot_be_called_off(desk: Desk, says: str, state: str, code: str, status: int) -> None:
    payment = await desk.pay()
    refund = await desk.refunded(payment, amount=4_000)
    desk.provider.loses_answers = says == "lost"
    desk.provider.says = "" if says == "lost" else says
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS, most=1)
    before = await desk.show(refund["id"])
    assert before["state"] == state
    answer = await desk.decide(refund["id"], "cancel")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await desk.show(refund["id"]) == before


async def test_a_refund_whose_sending_was_begun_cannot_be_called_off_though_the_provider_is_away(desk: Desk) -> None:
    payment = await desk.pay()
    refund = await desk.refunded(payment, amount=4_000)
    await desk.provider.steer(Control(down=True))
    with pytest.raises(ProviderUnavailable):
        await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS)
    answer = await desk.decide(refund["id"], "cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_sent")


@pytest.mark.prove("races", sample=True)
async def test_of_calling_off_and_sending_at_once_one_wins_and_no_money_goes_after_it(desk: Desk) -> None:
    payments = [await desk.pay(email=desk.member()) for _ in range(20)]
    made = [await desk.refunded(payment, amount=4_000) for payment in payments]
    working = [money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS) for _ in range(4)]
    answers, _ = await asyncio.gather(
        asyncio.gather(*(desk.decide(refund["id"], "cancel") for refund in made)), asyncio.gather(*working)
    )
    states = Counter([(await desk.show(refund["id"]))["state"] for refund in made])
    assert states["canceled"] == sum(answer.status_code == 200 for answer in answers)
    assert states["succeeded"] == 20 - states["canceled"]
    assert len(await desk.provider.list_refunds(payments[0].created_at)) == states["succeeded"]
    await desk.books_hold()
