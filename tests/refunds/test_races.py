"""Races at the refund desk, with real parallel requests against one database."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import Any

import httpx
import pytest

from rtp.payments.schemas import Payment
from tests.refunds.desk import Desk

pytestmark = pytest.mark.prove("races")


async def answered(desk: Desk, payment: Payment, key: str, **asked: Any) -> httpx.Response:
    """What a client does: while it is told that it may, it sends the same again."""
    for attempt in count(1):
        answer = await desk.issue(payment, key=key, **{"amount": 1000, **asked})
        if answer.status_code == 201 or not answer.json().get("retryable"):
            break
        await asyncio.sleep(0.2 * attempt)
    return answer


async def test_a_thousand_requests_with_one_key_have_one_effect_and_one_body(desk: Desk) -> None:
    payment = await desk.pay()
    answers = await asyncio.gather(*(answered(desk, payment, "one") for _ in range(1000)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert (await desk.payment(payment))["refunded"]["amount"] == 1000
    await desk.books_hold()


async def test_a_thousand_equal_refunds_under_a_thousand_keys_are_one_and_the_rest_are_refused_as_repeats(
    desk: Desk,
) -> None:
    payment = await desk.pay()
    answers = await asyncio.gather(*(answered(desk, payment, f"k{n}") for n in range(1000)))
    codes = Counter(answer.json().get("code", "taken") for answer in answers)
    assert codes == {"taken": 1, "refund_repeated": 999}
    assert (await desk.payment(payment))["refunded"]["amount"] == 1000
    await desk.books_hold()


@pytest.mark.prove("races", sample=True)
async def test_two_hundred_parallel_refunds_of_many_members_never_pass_a_daily_limit(desk: Desk) -> None:
    await desk.rules(limits=[{"role": "support", "currency": "USD", "day": 5000}])
    tokens = [await desk.person("sam@example.com", "support"), await desk.token("support", staff="sam@example.com")]
    payments = [await desk.pay(email=desk.member()) for _ in range(20)]
    answers = await asyncio.gather(
        *(answered(desk, payments[n % 20], f"k{n}", amount=100, again=True, by=tokens[n % 2]) for n in range(200))
    )
    codes = Counter(answer.json().get("code", "taken") for answer in answers)
    assert codes == {"taken": 50, "refund_over_limit": 150}
    assert (await desk.sql("SELECT sum(amount) FROM refunds"))[0][0] == 5000
    await desk.books_hold()


async def test_of_an_approval_and_a_rejection_at_once_one_wins_and_the_other_is_told(desk: Desk) -> None:
    await desk.rules(approval=[{"currency": "USD", "above": 0}])
    sam, olga = await desk.person("sam@example.com", "support"), await desk.person("olga@example.com", "operator")
    payments = [await desk.pay(email=desk.member()) for _ in range(30)]
    waiting = [await desk.refunded(payment, amount=4000, by=sam) for payment in payments]
    for refund in waiting:
        both = await asyncio.gather(
            desk.decide(refund["id"], "approve", by=olga), desk.decide(refund["id"], "reject", by=sam)
        )
        assert sorted(answer.status_code for answer in both) == [200, 422]
        assert next(one.json()["code"] for one in both if one.status_code == 422) == "illegal_refund_move"
    await desk.work()
    states = Counter([(await desk.show(refund["id"]))["state"] for refund in waiting])
    assert set(states) <= {"succeeded", "rejected"}
    assert len(desk.provider.book.refunds(payments[0].created_at)) == states["succeeded"]
    await desk.books_hold()


async def test_two_retries_of_one_failed_refund_at_once_issue_one(desk: Desk) -> None:
    payment = await desk.pay()
    first = await desk.refunded(payment, amount=4000)
    desk.provider.says = "failed"
    await desk.work()
    answers = await asyncio.gather(*(desk.decide(first["id"], "retry") for _ in range(20)))
    codes = Counter(answer.json().get("code", "taken") for answer in answers)
    assert codes == {"taken": 1, "refund_retried": 19}
    await desk.books_hold()


async def test_retries_of_every_failed_attempt_at_one_refund_at_once_issue_one(desk: Desk) -> None:
    payment = await desk.pay()
    first = await desk.refunded(payment, amount=1000)
    desk.provider.says = "failed"
    await desk.work()
    second = (await desk.decide(first["id"], "retry")).json()
    await desk.work()
    answers = await asyncio.gather(*(desk.decide(one["id"], "retry") for one in (first, second) * 10))
    codes = Counter(answer.json().get("code", "taken") for answer in answers)
    assert codes == {"taken": 1, "refund_retried": 19}
    await desk.books_hold()
