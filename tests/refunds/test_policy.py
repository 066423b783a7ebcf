"""The refund policy: windows, products, limits in rolling sums, and the second person."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tests.refunds.desk import ADA, Desk

LOCAL = {"role": "local", "currency": "USD"}
SMALL = {"approval": [{"currency": "USD", "above": 5000}]}


async def test_without_a_policy_nobody_is_limited_and_the_preview_says_so(desk: Desk) -> None:
    payment = await desk.pay()
    assert (await desk.api.get("/v1/refund-policy")).json() == {
        "version": 0, "rules": None, "applied_by": "", "created_at": None
    }  # fmt: skip
    shown = await desk.preview(payment)
    assert (shown["policy_version"], shown["approval"], shown["allowed"]) == (0, "", True)
    assert (await desk.refunded(payment))["policy_version"] == 0


async def test_a_policy_is_kept_in_versions_and_the_same_again_changes_nothing(desk: Desk) -> None:
    first = (await desk.rules(window_days=60)).json()
    assert first["version"] == 1
    assert {"path": "window_days", "before": None, "after": 60} in first["changes"]
    assert (await desk.rules(window_days=60)).json() == {"version": 1, "changes": []}
    wanted = {"limits": [LOCAL], "window_days": 30}
    planned = (await desk.api.post("/v1/refund-policy/diff", json=wanted)).json()
    assert planned["version"] == 1
    assert {"path": "window_days", "before": 60, "after": 30} in planned["changes"]
    assert (await desk.rules(window_days=30)).json()["changes"] == [{"path": "window_days", "before": 60, "after": 30}]
    holds = (await desk.api.get("/v1/refund-policy")).json()
    assert (holds["version"], holds["rules"]["window_days"], holds["applied_by"]) == (2, 30, "local")
    assert [row.version for row in await desk.sql("SELECT version FROM refund_policies ORDER BY version")] == [1, 2]


async def test_policies_that_are_applied_at_once_are_versions_one_after_another(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.rules(window_days=days) for days in range(10, 15)))
    assert sorted(answer.json()["version"] for answer in answers) == [1, 2, 3, 4, 5]


async def test_the_audit_names_who_applied_a_policy_and_how_the_one_before_was(desk: Desk) -> None:
    await desk.rules(window_days=60)
    await desk.rules(window_days=30)
    rows = await desk.sql("SELECT actor_name, changes FROM audit WHERE operation = 'refund_policy.apply' ORDER BY id")
    assert [row.actor_name for row in rows] == ["local owner", "local owner"]
    [change] = rows[1].changes
    assert [change[side]["rules"]["window_days"] for side in ("before", "after")] == [60, 30]


async def test_the_application_cannot_rewrite_a_policy_that_held(desk: Desk) -> None:
    await desk.rules()
    for change in ("UPDATE refund_policies SET version = 7", "DELETE FROM refund_policies"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await desk.sql(change)


@pytest.mark.parametrize(
    "rules, path",
    [
        ({"limits": [LOCAL, LOCAL]}, "limits[1]"),
        ({"limits": [LOCAL | {"day": 200, "week": 100}]}, "limits[0]"),
        ({"limits": [LOCAL], "members": [{"currency": "USD", "week": 2, "month": 1}]}, "members[0]"),
        ({"limits": [LOCAL], "products": [{"product": "a"}, {"product": "a"}]}, "products[1]"),
        ({"limits": [LOCAL], "approver": "viewer"}, "approver"),
    ],
)
async def test_a_policy_that_contradicts_itself_is_refused_by_its_path(
    desk: Desk, rules: dict[str, Any], path: str
) -> None:
    for answer in (
        await desk.api.put("/v1/refund-policy", json=rules),
        await desk.api.post("/v1/refund-policy/diff", json=rules),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "refund_policy_invalid")
        assert list(answer.json()["fields"]) == [path]
    assert (await desk.api.get("/v1/refund-policy")).json()["version"] == 0


async def refused(desk: Desk, payment: Any, code: str, **body: Any) -> dict[str, Any]:
    """The preview and the act refuse alike, and nothing is held."""
    before = (await desk.payment(payment))["refundable"]
    shown = await desk.preview(
        payment, by=body.get("by"), **{k: v for k, v in body.items() if k in ("amount", "lines")}
    )
    answer = await desk.issue(payment, again=True, **body)
    problem = dict(answer.json())
    assert (answer.status_code, problem["code"]) == (422, code), answer.text
    assert (shown["allowed"], shown["refusal"]) == (False, problem["detail"])
    assert (await desk.payment(payment))["refundable"] == before
    return problem


async def test_a_product_that_is_not_refundable_is_refused_and_others_of_the_payment_are_not(desk: Desk) -> None:
    await desk.rules(products=[{"product": "course", "refundable": False}])
    problem = await refused(desk, await desk.pay(product="course"), "product_not_refundable", amount=100)
    assert "course" in problem["detail"]
    await desk.refunded(await desk.pay(product="room", email="b@example.com"), amount=100)


async def test_a_window_closes_to_the_instant_and_a_product_may_have_its_own(desk: Desk) -> None:
    await desk.rules(window_days=60, products=[{"product": "course", "window_days": 14}])
    room, course = await desk.pay(product="room"), await desk.pay(product="course", email="b@example.com")
    desk.clock.instant += timedelta(days=14)
    await desk.refunded(course, amount=100)
    desk.clock.instant += timedelta(seconds=1)
    problem = await refused(desk, course, "refund_window_closed", amount=100)
    assert problem["params"] == {"version": 1, "product": "course", "days": 14, "age": 14}
    await desk.refunded(room, amount=100)
    desk.clock.instant += timedelta(days=46)
    await refused(desk, room, "refund_window_closed", amount=100)


async def test_one_refund_may_be_up_to_the_limit_of_its_role(desk: Desk) -> None:
    await desk.rules(limits=[{"role": "support", "currency": "USD", "one": 2500}])
    sam = await desk.person("sam@example.com", "support")
    payment = await desk.pay()
    problem = await refused(desk, payment, "refund_over_limit", amount=2501, by=sam)
    assert problem["params"]["left"] == {"amount": 2500, "currency": "USD"}
    await desk.refunded(payment, amount=2500, by=sam)
    await desk.refunded(payment, amount=5000)


@pytest.mark.parametrize("span, days", [("day", 1), ("week", 7), ("month", 30)])
async def test_a_rolling_limit_counts_what_was_paid_and_what_may_still_be_in_its_span(
    desk: Desk, span: str, days: int
) -> None:
    await desk.rules(limits=[{"role": "support", "currency": "USD", span: 3000}])
    sam = await desk.person("sam@example.com", "support")
    first, second = await desk.pay(), await desk.pay(email="b@example.com")
    await desk.refunded(first, amount=1000, by=sam)
    await desk.work()
    await desk.refunded(second, amount=1000, by=sam)
    problem = await refused(desk, second, "refund_over_limit", amount=1001, by=sam)
    assert problem["params"]["used"] == {"amount": 2000, "currency": "USD"}
    assert problem["params"]["left"] == {"amount": 1000, "currency": "USD"}
    desk.clock.instant += timedelta(days=days) - timedelta(seconds=1)
    await refused(desk, second, "refund_over_limit", amount=1001, by=sam)
    desk.clock.instant += timedelta(seconds=1)
    await desk.refunded(second, amount=3000, by=sam)


async def test_parallel_refunds_of_several_members_never_pass_the_limit_of_who_issues_them(desk: Desk) -> None:
    await desk.rules(limits=[{"role": "support", "currency": "USD", "day": 500}])
    sam = await desk.person("sam@example.com", "support")
    payments = [await desk.pay(email=desk.member()) for _ in range(5)]
    sent = [desk.issue(payments[n % 5], amount=100, again=True, by=sam) for n in range(30)]
    statuses = [answer.status_code for answer in await asyncio.gather(*sent)]
    assert (statuses.count(201), statuses.count(422)) == (5, 25)


async def test_parallel_refunds_by_several_people_never_pass_the_limit_of_a_member(desk: Desk) -> None:
    await desk.rules(members=[{"currency": "USD", "day": 500}])
    people = [await desk.person(f"sam-{n}@example.com", "support") for n in range(5)]
    payments = [await desk.pay() for _ in range(5)]
    sent = [desk.issue(payments[n % 5], amount=100, again=True, by=people[n % 5]) for n in range(30)]
    statuses = [answer.status_code for answer in await asyncio.gather(*sent)]
    assert (statuses.count(201), statuses.count(422)) == (5, 25)


async def test_a_failed_refund_does_not_count_against_a_limit(desk: Desk) -> None:
    await desk.rules(limits=[{"role": "support", "currency": "USD", "day": 3000}])
    sam = await desk.person("sam@example.com", "support")
    payment = await desk.pay()
    await desk.refunded(payment, amount=3000, by=sam)
    desk.provider.says = "failed"
    await desk.work()
    await desk.refunded(payment, amount=3000, by=sam)


async def test_tokens_of_one_person_share_their_limit_and_those_of_nobody_have_a_row_of_their_own(desk: Desk) -> None:
    await desk.rules(
        limits=[{"role": "support", "currency": "USD", "day": 3000}, {"role": "token", "currency": "USD", "one": 50}]
    )
    sam = await desk.person("sam@example.com", "support")
    again, machine = await desk.token("support", staff="sam@example.com"), await desk.token("owner")
    payment = await desk.pay()
    await desk.refunded(payment, amount=2000, by=sam)
    await refused(desk, payment, "refund_over_limit", amount=2000, by=again)
    await refused(desk, payment, "refund_over_limit", amount=51, by=machine)
    await desk.refunded(payment, amount=50, by=machine)


async def test_a_member_has_a_limit_whoever_refunds(desk: Desk) -> None:
    await desk.rules(members=[{"currency": "USD", "week": 3000}])
    sam = await desk.person("sam@example.com", "support")
    first, second = await desk.pay(), await desk.pay()
    await desk.refunded(first, amount=2000, by=sam)
    problem = await refused(desk, second, "refund_over_limit", amount=1001)
    assert problem["params"]["whose"] == "the member's"
    await desk.refunded(second, amount=1000)
    await desk.refunded(await desk.pay(email="b@example.com"), amount=2000)


async def test_a_role_or_currency_that_the_policy_does_not_name_may_refund_nothing(desk: Desk) -> None:
    await desk.rules()
    problem = await refused(desk, await desk.pay(currency="EUR"), "refund_role_not_listed", amount=100)
    assert problem["params"]["currency"] == "EUR"
    nobody = (await desk.api.put("/v1/refund-policy", json={"limits": []})).json()
    assert {"path": "limits[local USD]", "before": "without limit", "after": None} in nobody["changes"]
    await refused(desk, await desk.pay(email="b@example.com"), "refund_role_not_listed", amount=100)


async def test_each_currency_has_sums_of_its_own(desk: Desk) -> None:
    await desk.rules(limits=[LOCAL | {"day": 3000}, LOCAL | {"currency": "EUR", "day": 3000}])
    await desk.refunded(await desk.pay(), amount=3000)
    euros = await desk.pay(currency="EUR")
    await refused(desk, euros, "refund_over_limit", amount=3001)
    await desk.refunded(euros, amount=3000)


async def test_where_some_currencies_have_a_member_limit_or_a_threshold_the_others_are_not_free(desk: Desk) -> None:
    euro = LOCAL | {"currency": "EUR"}
    await desk.rules(limits=[euro], members=[{"currency": "USD", "day": 3000}])
    problem = await refused(desk, await desk.pay(currency="EUR"), "refund_role_not_listed", amount=100)
    assert problem["params"]["whose"] == "a member"
    await desk.rules(limits=[euro], **SMALL)
    refund = await desk.refunded(await desk.pay(currency="EUR", email="b@example.com"), amount=1)
    assert refund["state"] == "waiting"


async def test_the_database_itself_refuses_a_sum_above_its_limit(desk: Desk) -> None:
    await desk.rules(limits=[LOCAL | {"day": 3000}])
    await desk.refunded(await desk.pay(), amount=1000)
    with pytest.raises(DBAPIError, match="ck_refund_desks_day"):
        await desk.sql("UPDATE refund_desks SET day = 3001")


async def test_nobody_refunds_to_themselves_with_a_policy_or_without(desk: Desk) -> None:
    ada = await desk.person(ADA.upper().replace("EXAMPLE.COM", "example.com"), "operator")
    payment = await desk.pay()
    answer = await desk.issue(payment, amount=100, by=ada)
    assert (answer.status_code, answer.json()["code"]) == (403, "own_account")
    assert [one for one in (await desk.preview(payment, by=ada))["findings"] if one["rule"] == "own account"]
    assert (await desk.payment(payment))["refundable"]["amount"] == 10_000


async def waiting(desk: Desk, amount: int = 6000) -> tuple[Any, dict[str, Any], Any]:
    """A refund of Sam's that waits for a second person; its payment, and Sam."""
    await desk.rules(**SMALL)
    sam = await desk.person("sam@example.com", "operator")
    payment = await desk.pay((8000, 2000))
    refund = await desk.refunded(payment, amount=amount, by=sam)
    assert refund["state"] == "waiting"
    return payment, refund, sam


async def test_the_morning_page_counts_refunds_that_wait_for_a_second_person(desk: Desk) -> None:
    await waiting(desk)
    attention = (await desk.api.get("/v1/today")).json()["attention"]
    assert {
        "what": "refunds that wait for a second person",
        "count": 1,
        "command": "rtp refunds list --state waiting",
    } in (attention)


async def test_above_the_threshold_nothing_is_paid_before_another_person_approves(desk: Desk) -> None:
    payment, refund, _ = await waiting(desk)
    await desk.work()
    assert await desk.provider.list_refunds(payment.created_at) == []
    assert (await desk.payment(payment))["refundable"]["amount"] == 4000
    await desk.books_hold()
    approved = (await desk.decide(refund["id"], "approve", note="seen")).json()
    assert (approved["state"], approved["approved_by"]) == ("created", "local")
    await desk.work()
    assert (await desk.show(refund["id"]))["state"] == "succeeded"
    await desk.books_hold()


async def test_up_to_the_threshold_nobody_else_is_asked(desk: Desk) -> None:
    await desk.rules(**SMALL)
    payment = await desk.pay()
    shown = await desk.preview(payment, amount=5000)
    assert shown["approval"] == ""
    assert (await desk.refunded(payment, amount=5000))["state"] == "created"


async def test_who_issued_a_refund_cannot_approve_it_by_any_of_their_tokens(desk: Desk) -> None:
    _, refund, sam = await waiting(desk)
    for client in (sam, await desk.token("operator", staff="sam@example.com")):
        answer = await desk.decide(refund["id"], "approve", by=client)
        assert (answer.status_code, answer.json()["code"]) == (403, "approved_by_issuer")
    machine = await desk.token("owner")
    answer = await desk.decide(refund["id"], "approve", by=machine)
    assert (answer.status_code, answer.json()["code"]) == (403, "approver_not_a_person")
    assert (await desk.show(refund["id"]))["state"] == "waiting"


async def test_the_local_owner_cannot_approve_what_the_local_owner_issued(desk: Desk) -> None:
    await desk.rules(**SMALL)
    refund = await desk.refunded(await desk.pay(), amount=6000)
    answer = await desk.decide(refund["id"], "approve")
    assert (answer.status_code, answer.json()["code"]) == (403, "approved_by_issuer")


async def test_the_database_itself_refuses_an_approval_by_who_issued_it_and_a_payment_without_one(desk: Desk) -> None:
    await waiting(desk)
    with pytest.raises(DBAPIError, match="ck_refunds_second_person"):
        await desk.sql("UPDATE refunds SET approved_by = issued_by")
    with pytest.raises(DBAPIError, match="ck_refunds_approved"):
        await desk.sql("UPDATE refunds SET state = 'created'")


async def test_the_policy_says_which_role_approves(desk: Desk) -> None:
    _, refund, _ = await waiting(desk)
    await desk.rules(approver="owner", **SMALL)
    olga, support = await desk.person("olga@example.com", "operator"), await desk.person("s@example.com", "support")
    answer = await desk.decide(refund["id"], "approve", by=olga)
    assert (answer.status_code, answer.json()["code"]) == (403, "approver_role_too_low")
    assert (await desk.decide(refund["id"], "approve", by=support)).json()["code"] == "not_allowed"
    assert (await desk.decide(refund["id"], "approve")).status_code == 200


async def test_nobody_approves_a_refund_to_themselves(desk: Desk) -> None:
    _, refund, _ = await waiting(desk)
    ada = await desk.person(ADA, "operator")
    assert (await desk.decide(refund["id"], "approve", by=ada)).json()["code"] == "own_account"


@pytest.mark.parametrize("by_maker", [True, False])
async def test_a_rejected_refund_gives_its_amount_back_whoever_rejects_it(desk: Desk, by_maker: bool) -> None:
    payment, refund, sam = await waiting(desk)
    rejected = (await desk.decide(refund["id"], "reject", by=sam if by_maker else None, note="used it")).json()
    assert (rejected["state"], rejected["approved_by"]) == ("rejected", None)
    assert rejected["failure_reason"].endswith(": used it")
    assert (await desk.payment(payment))["refundable"]["amount"] == 10_000
    assert (await desk.decide(refund["id"], "approve")).json()["code"] == "illegal_refund_move"
    await desk.books_hold()


async def test_a_refund_that_nobody_approved_in_time_ends_and_cannot_be_approved_any_more(desk: Desk) -> None:
    payment, refund, _ = await waiting(desk)
    await desk.work()
    assert (await desk.show(refund["id"]))["state"] == "waiting"
    desk.clock.instant += timedelta(days=3)
    late = await desk.decide(refund["id"], "approve")
    assert (late.status_code, late.json()["code"]) == (422, "approval_expired")
    await desk.sql("UPDATE procrastinate_jobs SET status = 'todo' WHERE task_name = 'refunds.expire'")
    await desk.work()
    assert (await desk.show(refund["id"]))["state"] == "expired"
    assert (await desk.payment(payment))["refundable"]["amount"] == 10_000
    await desk.books_hold()


async def test_a_waiting_refund_counts_against_the_limit_of_who_issued_it(desk: Desk) -> None:
    await desk.rules(limits=[{"role": "operator", "currency": "USD", "day": 7000}], **SMALL)
    sam = await desk.person("sam@example.com", "operator")
    refund = await desk.refunded(await desk.pay(), amount=6000, by=sam)
    other = await desk.pay(email="b@example.com")
    await refused(desk, other, "refund_over_limit", amount=1001, by=sam)
    await desk.decide(refund["id"], "reject")
    await desk.refunded(other, amount=5000, by=sam)


async def test_what_goes_with_a_refund_waits_for_its_approval_too(desk: Desk) -> None:
    await desk.rules(**SMALL)
    made, payment = await desk.subscribed()
    sam = await desk.person("sam@example.com", "operator")
    refund = await desk.refunded(payment, by=sam, cancel_subscription="now")
    assert (await desk.api.get(f"/v1/subscriptions/{made['id']}")).json()["status"] == "active"
    await desk.decide(refund["id"], "approve")
    assert (await desk.api.get(f"/v1/subscriptions/{made['id']}")).json()["status"] == "canceled"


async def test_a_dispute_that_was_opened_meanwhile_stops_the_approval(desk: Desk) -> None:
    _, refund, _ = await waiting(desk)
    await desk.sql("UPDATE payments SET disputes_open = 1")
    assert (await desk.decide(refund["id"], "approve")).json()["code"] == "payment_disputed"
    assert (await desk.show(refund["id"]))["state"] == "waiting"


async def test_the_audit_names_who_issued_and_who_approved_with_code_note_and_ticket(desk: Desk) -> None:
    await desk.rules(**SMALL)
    sam = await desk.person("sam@example.com", "operator")
    refund = await desk.refunded(await desk.pay(), amount=6000, by=sam, note="twice", ticket="SUP-7")
    await desk.decide(refund["id"], "approve", note="seen")
    rows = await desk.sql(
        "SELECT operation, actor_name, reason FROM audit WHERE target = :id ORDER BY id", id=refund["id"]
    )
    assert [tuple(row) for row in rows] == [
        ("refunds.issue", "sam@example.com", "duplicate: twice [SUP-7]"),
        ("refunds.approve", "local owner", "seen"),
    ]
