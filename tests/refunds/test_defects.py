"""Defects of refund desks that were seen in use, each as the behaviour that must not be.

The numbers are those of the list they come from; number 8, about reconciliation, is in tests/reconciliation.
"""

from __future__ import annotations

import asyncio
from typing import get_args

from sqlalchemy import text

from rtp.refunds import jobs as refund_jobs
from rtp.refunds.schemas import Reason
from rtp.testing import money
from tests.refunds.desk import ADA, Desk


async def test_1_a_partial_refund_stores_its_amount_and_leaves_the_rest_refundable(desk: Desk) -> None:
    payment = await desk.pay()
    await desk.refunded(payment, amount=2500)
    await desk.work()
    shown = await desk.payment(payment)
    assert (shown["state"], shown["refunded"]["amount"], shown["refundable"]["amount"]) == ("succeeded", 2500, 7500)
    assert [line["amount"]["amount"] for line in shown["refunds"]] == [2500]
    assert (await desk.refunded(payment, amount=7500))["state"] == "created"


async def test_2_two_partial_refunds_are_counted_by_their_own_amounts_however_often_the_provider_tells(
    desk: Desk,
) -> None:
    payment = await desk.pay()
    refunds = [await desk.refunded(payment, amount=amount) for amount in (3000, 2000)]
    await desk.work()
    for refund in refunds:
        await desk.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE task_name = 'refunds.submit'")
        await desk.work()
        assert (await desk.show(refund["id"]))["state"] == "succeeded"
    assert (await desk.payment(payment))["refunded"]["amount"] == 5000
    balances = (await desk.api.get("/v1/ledger/check")).json()["balances"]
    assert {"account": "refunds", "amount": {"amount": 5000, "currency": "USD"}, "entries": 2} in balances
    await desk.books_hold()


async def test_3_a_full_refund_of_one_payment_closes_nothing_of_the_member_that_was_not_asked_for(desk: Desk) -> None:
    made, payment = await desk.subscribed()
    other = await desk.pay()
    await desk.refunded(other)
    await desk.refunded(payment)
    await desk.work()
    assert (await desk.api.get(f"/v1/subscriptions/{made['id']}")).json()["status"] == "active"
    assert (await desk.access())["open"] is True


async def test_4_a_refund_is_held_to_what_is_left_and_not_to_the_total(desk: Desk) -> None:
    payment = await desk.pay()
    await desk.refunded(payment, amount=5000)
    answer = await desk.issue(payment, amount=6000)
    assert answer.json()["code"] == "refund_exceeds_captured"
    assert answer.json()["params"]["left"] == {"amount": 5000, "currency": "USD"}


async def test_4_a_refund_is_a_row_with_its_reason_its_issuer_and_its_approval(desk: Desk) -> None:
    await desk.rules(approval=[{"currency": "USD", "above": 1000}])
    sam = await desk.person("sam@example.com", "support")
    refund = await desk.refunded(await desk.pay(), amount=2000, by=sam, note="double", ticket="T-1")
    shown = await desk.show(refund["id"])
    assert (shown["reason"], shown["note"], shown["ticket"]) == ("duplicate", "double", "T-1")
    assert shown["issued_by"].startswith("stf_")
    assert (shown["state"], shown["approval_needed"], shown["approved_by"]) == ("waiting", True, None)


async def test_4_a_payment_that_the_provider_never_took_is_not_marked_refunded(desk: Desk) -> None:
    payment = await desk.pay()
    await desk.sql("UPDATE payments SET state = 'failed', provider_ref = NULL")
    answer = await desk.issue(payment)
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing_to_refund")
    assert (await desk.payment(payment))["refunds"] == []


async def test_5_the_reason_is_one_of_a_closed_list_and_free_text_goes_to_the_note(desk: Desk) -> None:
    payment = await desk.pay()
    free = await desk.issue(payment, amount=100, reason="The customer was unhappy")
    assert (free.status_code, free.json()["code"]) == (400, "invalid_input")
    await desk.refunded(payment, amount=100, reason="other", note="The customer was unhappy")
    await desk.work()
    [made] = await desk.provider.list_refunds(payment.created_at)
    assert made.reason in get_args(Reason)


async def test_6_two_intended_equal_refunds_are_two_and_a_repeated_click_is_one(desk: Desk) -> None:
    payment = await desk.pay()
    clicks = [await desk.issue(payment, key="click", amount=1000) for _ in range(2)]
    assert clicks[0].json()["id"] == clicks[1].json()["id"]
    meant = await desk.issue(payment, key="meant", amount=1000, again=True)
    await desk.work()
    made = await desk.provider.list_refunds(payment.created_at)
    assert sorted(one.key for one in made) == sorted([clicks[0].json()["id"], meant.json()["id"]])


async def test_7_ending_a_subscription_with_its_refund_ends_its_charges_too(desk: Desk) -> None:
    made, payment = await desk.subscribed()
    await desk.refunded(payment, cancel_subscription="now")
    shown = (await desk.api.get(f"/v1/subscriptions/{made['id']}")).json()
    assert (shown["status"], shown["due_at"]) == ("canceled", None)
    [row] = await desk.sql("SELECT changes::text FROM audit WHERE operation = 'refunds.issue'")
    assert "subscription.canceled" in row[0]


async def test_13_amounts_and_pieces_that_cannot_be_are_refused_and_leave_no_orphan(desk: Desk) -> None:
    payment = await desk.pay((1000, 0), quantity=2)
    for body in (
        {"amount": 0},
        {"amount": -1},
        {"amount": 2**53},
        {"lines": [{"position": 1, "quantity": 0}]},
        {"lines": [{"position": 1, "quantity": 3}]},
        {"lines": [{"position": 0}]},
    ):
        answer = await desk.issue(payment, **body)
        assert answer.status_code in {400, 422}, body
    assert (await desk.api.get("/v1/refunds", params={"user": ADA})).json()["items"] == []
    assert await desk.sql("SELECT id FROM refund_lines") == []


async def test_13_a_limit_is_not_read_first_and_counted_later(desk: Desk) -> None:
    await desk.rules(members=[{"currency": "USD", "day": 1000}])
    payments = [await desk.pay() for _ in range(4)]
    answers = await asyncio.gather(*(desk.issue(payment, amount=600) for payment in payments))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422]


async def test_15_what_is_to_follow_a_refund_is_never_dropped_with_an_error_while_the_refund_stands(
    desk: Desk,
) -> None:
    made, payment = await desk.subscribed()
    cancel = await desk.api.post(
        f"/v1/subscriptions/{made['id']}/cancel", json={"now": True}, headers={"Idempotency-Key": "c"}
    )
    assert cancel.status_code == 200
    answer = await desk.issue(payment, cancel_subscription="now")
    assert answer.status_code == 422
    assert (await desk.payment(payment))["refunds"] == []


async def test_15_a_refund_whose_answer_was_lost_is_not_done_before_the_provider_said_what_became_of_it(
    desk: Desk,
) -> None:
    payment = await desk.pay()
    refund = await desk.refunded(payment, amount=4000)
    desk.provider.loses_answers = True
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS[:1])
    assert (await desk.show(refund["id"]))["state"] == "unknown"
    async with desk.frames.database.reading() as connection:
        waiting = await connection.execute(
            text("SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'refunds.reconcile'")
        )
        assert len(waiting.all()) == 1
    await desk.books_hold()
