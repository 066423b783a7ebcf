"""The refund desk: lines and their tax, what else is asked for, retries, and the preview."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from rtp.payments.schemas import Payment, waits_for
from rtp.refunds import jobs as refund_jobs
from rtp.testing import money
from tests.refunds.desk import Desk


async def test_a_refund_by_line_returns_the_tax_of_that_line_only(desk: Desk) -> None:
    payment = await desk.pay((1000, 250), (4000, 0))
    refund = await desk.refunded(payment, lines=[{"position": 1}])
    assert (refund["amount"]["amount"], refund["tax"]["amount"]) == (1250, 250)
    shown = await desk.payment(payment)
    assert [line["net_held"]["amount"] for line in shown["lines"]] == [1000, 0]
    assert [(part["position"], part["net"]["amount"]) for part in (await desk.show(refund["id"]))["lines"]] == [
        (1, 1000)
    ]
    await desk.books_hold()


async def test_pieces_of_a_line_return_their_share_and_together_the_whole(desk: Desk) -> None:
    payment = await desk.pay((1000, 83), quantity=3)
    parts = [await desk.refunded(payment, lines=[{"position": 1, "quantity": 1}]) for _ in range(3)]
    assert [part["amount"]["amount"] - part["tax"]["amount"] for part in parts] == [333, 334, 333]
    assert sum(part["tax"]["amount"] for part in parts) == 83
    fourth = await desk.issue(payment, lines=[{"position": 1, "quantity": 1}], again=True)
    assert fourth.json()["params"]["left"] == "0 of 3 pieces"
    await desk.books_hold()


async def test_an_amount_without_lines_uses_up_the_first_line_before_the_next(desk: Desk) -> None:
    payment = await desk.pay((1000, 250), (1000, 0))
    refund = await desk.refunded(payment, amount=1500)
    lines = [(line["net"]["amount"], line["tax"]["amount"]) for line in (await desk.show(refund["id"]))["lines"]]
    assert lines == [(1000, 250), (250, 0)]


@pytest.mark.parametrize(
    "body, status, code",
    [
        ({"lines": [{"position": 3}]}, 422, "no_such_line"),
        ({"lines": [{"position": 1, "amount": 1251}]}, 422, "line_exceeded"),
        ({"lines": [{"position": 1}, {"position": 1}]}, 400, "invalid_input"),
        ({"lines": [{"position": 1, "amount": 1, "quantity": 1}]}, 400, "invalid_input"),
        ({"lines": [{"position": 1}], "amount": 1}, 400, "invalid_input"),
        ({"restock": True}, 422, "nothing_to_restock"),
        ({"cancel_subscription": "now"}, 422, "nothing_to_cancel"),
        ({"revoke_access": True}, 422, "nothing_to_cancel"),
        ({"reason": "because I like them"}, 400, "invalid_input"),
        ({"currency": "EUR"}, 422, "refund_currency_differs"),
    ],
)
async def test_what_cannot_be_refunded_is_refused_and_holds_nothing(
    desk: Desk, body: dict[str, Any], status: int, code: str
) -> None:
    payment = await desk.pay((1000, 250), (4000, 0))
    answer = await desk.issue(payment, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await desk.payment(payment))["refundable"]["amount"] == 5250
    await desk.books_hold()


async def test_a_failed_refund_gives_back_exactly_the_net_and_the_tax_of_each_line(desk: Desk) -> None:
    payment = await desk.pay((999, 199), (100, 7))
    await desk.refunded(payment, amount=400)
    await desk.work()
    failing = await desk.refunded(payment, amount=850)
    desk.provider.says = "failed"
    await desk.work()
    assert (await desk.show(failing["id"]))["state"] == "failed"
    await desk.books_hold()
    desk.provider.says = ""
    rest = await desk.refunded(payment)
    total = (await desk.payment(payment))["tax"]["amount"]
    first = (await desk.sql("SELECT sum(tax) FROM refunds WHERE state = 'succeeded'"))[0][0]
    assert first + rest["tax"]["amount"] == total == 206


async def test_a_failed_refund_is_issued_anew_once_and_linked_to_the_first(desk: Desk) -> None:
    payment = await desk.pay((1000, 250))
    first = await desk.refunded(payment, amount=500, note="double charge", ticket="SUP-7")
    desk.provider.says = "failed"
    await desk.work()
    desk.provider.says = ""
    answer = await desk.decide(first["id"], "retry")
    second = answer.json()
    assert (second["retry_of"], second["amount"], second["ticket"]) == (first["id"], first["amount"], "SUP-7")
    assert second["id"] != first["id"]
    again = await desk.decide(first["id"], "retry")
    assert (again.status_code, again.json()["code"]) == (409, "refund_retried")
    assert second["id"] in again.json()["detail"]
    await desk.work()
    assert (await desk.show(second["id"]))["state"] == "succeeded"
    await desk.books_hold()


async def test_of_all_attempts_at_one_refund_one_stands_whichever_of_the_failed_ones_is_retried(desk: Desk) -> None:
    payment = await desk.pay((1000, 250))
    first = await desk.refunded(payment, amount=100)
    desk.provider.says = "failed"
    await desk.work()
    second = (await desk.decide(first["id"], "retry")).json()
    await desk.work()
    third = (await desk.decide(first["id"], "retry")).json()
    for failed in (first, second):
        refused = await desk.decide(failed["id"], "retry")
        assert (refused.status_code, refused.json()["code"]) == (409, "refund_retried")
        assert third["id"] in refused.json()["detail"]
    await desk.work()
    desk.provider.says = ""
    fourth = (await desk.decide(second["id"], "retry")).json()
    assert {attempt["retry_of"] for attempt in (second, third, fourth)} == {first["id"]}
    await desk.work()
    assert (await desk.show(fourth["id"]))["state"] == "succeeded"
    await desk.books_hold()


async def failed_pieces(desk: Desk, payment: Payment, *lines: dict[str, int]) -> dict[str, Any]:
    """A refund of these lines that the provider does not carry out."""
    first = await desk.refunded(payment, lines=list(lines))
    desk.provider.says = "failed"
    await desk.work()
    desk.provider.says = ""
    return first


async def test_a_failed_refund_of_pieces_is_issued_anew_as_the_same_pieces(desk: Desk) -> None:
    payment = await desk.pay((1000, 83), (500, 0), quantity=3)
    first = await failed_pieces(desk, payment, {"position": 1, "quantity": 2}, {"position": 2, "amount": 100})
    second = (await desk.decide(first["id"], "retry")).json()
    assert second["amount"] == first["amount"]
    assert (await desk.show(second["id"]))["lines"] == (await desk.show(first["id"]))["lines"]
    beyond = await desk.issue(payment, lines=[{"position": 1, "quantity": 2}], again=True)
    assert (beyond.status_code, beyond.json()["params"]["left"]) == (422, "1 of 3 pieces")
    await desk.work()
    await desk.books_hold()


@pytest.mark.parametrize(
    "pieces, taken, code, said",
    [
        (2, {"position": 1, "quantity": 2}, "line_exceeded", "1 of 3 pieces"),
        (1, {"position": 1, "quantity": 1}, "refund_retry_differs", "was of 3.33 USD, and its pieces are worth 3.34"),
        (2, {"position": 1, "amount": 500}, "line_exceeded", "2 pieces for 6.67 USD"),
    ],
    ids=["the pieces went meanwhile", "the pieces that are left are worth a cent more", "their money went meanwhile"],
)
async def test_pieces_that_are_not_free_any_more_as_they_failed_are_not_issued_anew(
    desk: Desk, pieces: int, taken: dict[str, int], code: str, said: str
) -> None:
    payment = await desk.pay((1000, 0), quantity=3)
    first = await failed_pieces(desk, payment, {"position": 1, "quantity": pieces})
    await desk.refunded(payment, lines=[taken])
    refused = await desk.decide(first["id"], "retry")
    assert refused.json()["code"] == code, refused.text
    assert said in refused.json()["detail"]
    assert [row[0] for row in await desk.sql("SELECT count(*) FROM refunds")] == [2]
    await desk.books_hold()


async def test_the_database_itself_refuses_a_second_living_retry_of_one_refund(desk: Desk) -> None:
    payment = await desk.pay()
    first, second, third = [await desk.refunded(payment, amount=amount) for amount in (100, 200, 300)]
    for refund in (second, third):
        await desk.sql("UPDATE refunds SET state = 'failed' WHERE amount = :amount", amount=refund["amount"]["amount"])
    link = "UPDATE refunds SET retry_of = (SELECT id FROM refunds WHERE amount = 100), state = 'created'"
    await desk.sql(f"{link} WHERE amount = 200")
    with pytest.raises(DBAPIError, match="uq_refunds_retry_of"):
        await desk.sql(f"{link} WHERE amount = 300")
    assert (await desk.show(first["id"]))["state"] == "created"


async def test_retrying_an_unknown_refund_asks_the_provider_now_under_its_own_key(desk: Desk) -> None:
    payment = await desk.pay()
    refund = await desk.refunded(payment, amount=4000)
    desk.provider.loses_answers = True
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS[:1])
    assert (await desk.show(refund["id"]))["state"] == "unknown"
    desk.provider.loses_answers = False
    assert (await desk.decide(refund["id"], "retry")).json()["id"] == refund["id"]
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS)
    assert (await desk.show(refund["id"]))["state"] == "succeeded"
    assert [made.key for made in await desk.provider.list_refunds(payment.created_at)] == [refund["id"]]
    await desk.books_hold()


async def questions(desk: Desk) -> list[Any]:
    """When the provider will be asked what became of a refund: the jobs that nobody has run."""
    query = "SELECT scheduled_at FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'refunds.reconcile'"
    return [row[0] for row in await desk.sql(query)]


async def test_retrying_a_pending_refund_asks_the_provider_now(desk: Desk) -> None:
    refund = await desk.refunded(await desk.pay(), amount=4000)
    desk.provider.says = "pending"
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS[:1])
    [later] = await questions(desk)
    assert later > desk.clock.instant
    assert (await desk.decide(refund["id"], "retry")).json()["state"] == "pending"
    assert sorted(at is None for at in await questions(desk)) == [False, True]
    desk.provider.says = ""
    await desk.work()
    assert (await desk.show(refund["id"]))["state"] == "succeeded"
    await desk.books_hold()


@pytest.mark.parametrize("state, schedule", [("pending", [3600, 86_400]), ("unknown", [10, 300, 3600, *[86_400] * 5])])
async def test_what_became_of_a_refund_is_asked_soon_then_ever_later_and_at_last_no_more(
    desk: Desk, state: str, schedule: list[int]
) -> None:
    await desk.refunded(await desk.pay(), amount=4000)
    desk.provider.says = "pending" if state == "pending" else ""
    desk.provider.loses_answers = desk.provider.knows_nothing = state == "unknown"
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS[:1])
    waits: list[float] = []
    while (asked := await questions(desk)) and len(waits) < 10:
        [at] = asked
        waits.append((at - desk.clock.instant).total_seconds())
        desk.clock.instant = at
        await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS, most=1)
    assert waits == schedule


async def test_a_refund_whose_answer_was_lost_and_that_is_pending_there_is_pending_and_asked_as_such(
    desk: Desk,
) -> None:
    refund = await desk.refunded(await desk.pay(), amount=4000)
    desk.provider.loses_answers = True
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS[:1])
    desk.provider.loses_answers, desk.provider.says = False, "pending"
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS, most=1)
    assert (await desk.show(refund["id"]))["state"] == "pending"
    [at] = await questions(desk)
    assert (at - desk.clock.instant).total_seconds() == 3600


async def test_that_the_member_must_act_is_kept_while_it_is_so(desk: Desk) -> None:
    refund = await desk.refunded(await desk.pay(), amount=4000)
    desk.provider.says, desk.provider.waits_for = "pending", "requires_action"
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS[:1])
    shown = await desk.show(refund["id"])
    assert (shown["state"], shown["failure_reason"]) == ("pending", "requires_action")
    assert waits_for(shown["state"], shown["failure_reason"]) == (
        "It is pending: the member must act first, as the provider asked them to."
    )
    desk.provider.waits_for = ""
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS, most=1)
    shown = await desk.show(refund["id"])
    assert (shown["state"], shown["failure_reason"]) == ("pending", "")
    desk.provider.waits_for = "requires_action"
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS, most=1)
    desk.provider.says = ""
    await desk.decide(refund["id"], "retry")
    await desk.work()
    shown = await desk.show(refund["id"])
    assert (shown["state"], shown["failure_reason"]) == ("succeeded", "")
    await desk.books_hold()


async def test_the_calls_about_one_refund_are_made_one_after_another(desk: Desk) -> None:
    refund = await desk.refunded(await desk.pay(), amount=4000)
    await desk.decide(refund["id"], "retry")
    jobs = await desk.sql("SELECT lock FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'refunds.submit'")
    assert {row.lock for row in jobs} == {refund["id"]}


async def test_an_equal_refund_is_a_repeat_for_ten_minutes_to_the_instant(desk: Desk) -> None:
    payment = await desk.pay()
    assert (await desk.issue(payment, amount=1000)).status_code == 201
    desk.clock.instant += timedelta(minutes=10) - timedelta(seconds=1)
    assert (await desk.issue(payment, amount=1000)).json()["code"] == "refund_repeated"
    desk.clock.instant += timedelta(seconds=1)
    assert (await desk.issue(payment, amount=1000)).status_code == 201


async def test_an_unknown_outcome_blocks_an_equal_refund_under_a_new_key_however_old_it_is(desk: Desk) -> None:
    payment = await desk.pay()
    refund = await desk.refunded(payment, amount=4000)
    desk.provider.loses_answers = True
    await money.run_jobs(desk.frames, desk.provider, refund_jobs.JOBS[:1])
    desk.clock.instant += timedelta(hours=5)
    answer = await desk.issue(payment, amount=4000)
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_unsettled")
    assert refund["id"] in answer.json()["hint"]


async def test_a_refund_that_succeeded_is_final(desk: Desk) -> None:
    payment = await desk.pay()
    refund = await desk.refunded(payment, amount=4000)
    await desk.work()
    for verb in ("retry", "approve", "reject"):
        answer = await desk.decide(refund["id"], verb)
        assert (answer.status_code, answer.json()["code"]) == (422, "illegal_refund_move"), verb
    assert (await desk.show(refund["id"]))["state"] == "succeeded"


async def test_a_disputed_payment_is_not_refunded(desk: Desk) -> None:
    payment = await desk.pay()
    await desk.sql("UPDATE payments SET disputes_open = 1")
    answer = await desk.issue(payment, amount=100)
    assert (answer.status_code, answer.json()["code"]) == (422, "payment_disputed")
    shown = await desk.preview(payment, amount=100)
    assert (shown["allowed"], shown["findings"][0]["state"]) == (False, "refused")


async def test_a_refund_alone_leaves_the_subscription_and_its_access_as_they_are(desk: Desk) -> None:
    made, payment = await desk.subscribed()
    await desk.refunded(payment)
    await desk.work()
    shown = (await desk.api.get(f"/v1/subscriptions/{made['id']}")).json()
    access = await desk.access()
    assert (shown["status"], shown["cancel_at_period_end"], access["open"]) == ("active", False, True)


@pytest.mark.parametrize("when, status, ending, is_open", [("now", "canceled", False, False),
                                                           ("period_end", "active", True, True)])  # fmt: skip
async def test_the_subscription_ends_with_the_refund_only_when_it_is_asked_for(
    desk: Desk, when: str, status: str, ending: bool, is_open: bool
) -> None:
    made, payment = await desk.subscribed()
    await desk.refunded(payment, cancel_subscription=when)
    shown = (await desk.api.get(f"/v1/subscriptions/{made['id']}")).json()
    access = await desk.access()
    assert (shown["status"], shown["cancel_at_period_end"], access["open"]) == (status, ending, is_open)


async def test_ending_the_subscription_now_and_closing_its_access_go_together(desk: Desk) -> None:
    made, payment = await desk.subscribed()
    await desk.refunded(payment, cancel_subscription="now", revoke_access=True)
    shown = (await desk.api.get(f"/v1/subscriptions/{made['id']}")).json()
    assert (shown["status"], (await desk.access())["open"]) == ("canceled", False)


async def test_revoked_access_stays_closed_until_a_later_time_is_paid_for(desk: Desk) -> None:
    made, payment = await desk.subscribed()
    await desk.refunded(payment, amount=100, revoke_access=True)
    access = await desk.access()
    assert (access["open"], access["why"]) == (False, "revoked")
    again = await desk.issue(payment, amount=200, revoke_access=True)
    assert again.json()["code"] == "nothing_to_revoke"
    key = {"Idempotency-Key": "x"}
    await desk.api.post(f"/v1/subscriptions/{made['id']}/cancel", json={}, headers=key)
    access = await desk.access()
    assert (access["open"], access["why"]) == (False, "revoked")
    await desk.api.post(f"/v1/subscriptions/{made['id']}/resume", json={}, headers={"Idempotency-Key": "y"})
    await desk.api.post(f"/v1/subscriptions/{made['id']}/renew", json={}, headers={"Idempotency-Key": "z"})
    await desk.work()
    await desk.take_in(made["id"])
    access = await desk.access()
    assert (access["open"], access["why"]) == (True, "active")


async def test_what_a_refused_follow_up_was_to_go_with_is_not_refunded_either(desk: Desk) -> None:
    made, payment = await desk.subscribed()
    await desk.api.post(f"/v1/subscriptions/{made['id']}/cancel", json={"now": True}, headers={"Idempotency-Key": "c"})
    answer = await desk.issue(payment, cancel_subscription="now")
    assert (answer.status_code, answer.json()["code"]) == (422, "subscription_state_refused")
    assert (await desk.payment(payment))["refundable"]["amount"] == 10_000


async def test_the_preview_tells_the_lines_the_tax_and_what_stays_as_it_is(desk: Desk) -> None:
    _, payment = await desk.subscribed()
    shown = await desk.preview(payment, amount=4000)
    assert (shown["net"]["amount"], shown["tax"]["amount"], shown["left"]["amount"]) == (4000, 0, 6000)
    assert shown["lines"][0]["left"]["amount"] == 6000
    assert shown["subscription"].startswith("room stays active and is charged again on ")
    assert (shown["access"], shown["policy_version"]) == ("stays as it is (--revoke-access)", 0)
    ending = await desk.preview(payment, cancel_subscription="now")
    assert (ending["subscription"], ending["access"]) == ("room ends now", "closes now, with the subscription")
    assert (await desk.payment(payment))["refundable"]["amount"] == 10_000
