"""The refund policy over a whole file: what it refuses, counts and sends to a second person is known at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from rtp.payments.schemas import Payment
from rtp.testing import money
from tests.refunds import bulks
from tests.refunds.bulks import JOBS
from tests.refunds.desk import Desk


async def members(desk: Desk, count: int) -> list[Payment]:
    """Payments of 100.00, each of another member."""
    return [await desk.pay(email=desk.member()) for _ in range(count)]


def asked(payments: list[Payment], amount: str = "10.00") -> list[dict[str, Any]]:
    return [{"payment": one.id, "amount": amount} for one in payments]


async def codes(desk: Desk, bulk: str) -> list[tuple[int, str, str]]:
    """(row, state, code) of every row."""
    return [(row["row"], row["state"], row["code"]) for row in await bulks.rows_of(desk.api, bulk)]


async def test_the_rows_of_a_file_are_held_to_the_planners_limit_together(desk: Desk) -> None:
    [before, *paid] = await members(desk, 5)
    await desk.rules(limits=[{"role": "local", "currency": "USD", "one": 4000, "day": 5000, "week": 9000}])
    await desk.refunded(before, amount=1500)
    rows = [*asked(paid[:1], "40.01"), *asked(paid[1:3], "15.00"), *asked(paid[3:], "5.01"), *asked(paid[3:], "5.00")]
    plan = await bulks.planned(desk.api, rows)
    assert await codes(desk, plan["id"]) == [
        (2, "refused", "refund_over_limit"),
        (3, "planned", ""),
        (4, "planned", ""),
        (5, "refused", "refund_over_limit"),
        (6, "planned", ""),
    ]
    refused = await bulks.rows_of(desk.api, plan["id"], state="refused")
    assert "for one refund" in refused[0]["message"]
    assert "for 1 day" in refused[1]["message"]
    assert "45.00 USD" in refused[1]["message"], "what was refunded before, and the rows above, are used"
    assert plan["totals"] == [{"amount": 3500, "currency": "USD"}]
    assert [(one["span"], one["limit"]["amount"], one["used"]["amount"], one["asked"]["amount"], one["left"]["amount"])
            for one in plan["limits"]] == [("day", 5000, 1500, 3500, 0), ("week", 9000, 1500, 3500, 4000)]  # fmt: skip
    assert {one["whose"] for one in plan["limits"]} == {"local"}
    assert plan["policy_version"] == 1


async def test_limits_count_on_from_batch_to_batch(desk: Desk) -> None:
    paid = await members(desk, 3)
    await desk.rules(limits=[{"role": "local", "currency": "USD", "day": 2000}])
    bulk = await bulks.drafted(desk.api)
    await bulks.sent(desk.api, bulk, asked(paid[:2]))
    second = await bulks.sent(desk.api, bulk, asked(paid[2:], "0.01"), batch=2, first=10)
    assert [row["code"] for row in second.json()["refused"]] == ["refund_over_limit"]


async def test_the_limit_of_a_member_counts_all_their_rows_in_every_batch(desk: Desk) -> None:
    mine = [await desk.pay(email="one@example.com") for _ in range(4)]
    [other] = await members(desk, 1)
    await desk.rules(members=[{"currency": "USD", "month": 2500}])
    await desk.refunded(mine[3], amount=500)
    bulk = await bulks.drafted(desk.api)
    first = await bulks.sent(desk.api, bulk, asked(mine[:1]))
    second = await bulks.sent(desk.api, bulk, [*asked(mine[1:3]), *asked([other], "25.00")], batch=2, first=10)
    assert first.json()["refused"] == []
    assert [(row["row"], row["code"]) for row in second.json()["refused"]] == [(11, "refund_over_limit")]
    assert "the member's" in second.json()["refused"][0]["message"]


async def test_windows_and_products_that_are_not_refundable_refuse_their_rows(desk: Desk) -> None:
    old = await desk.pay(email=desk.member(), product="room")
    desk.clock.instant += timedelta(days=31)
    course = await desk.pay(email=desk.member(), product="course")
    room = await desk.pay(email=desk.member(), product="room")
    await desk.rules(window_days=30, products=[{"product": "course", "refundable": False}])
    plan = await bulks.planned(desk.api, asked([old, course, room]))
    assert await codes(desk, plan["id"]) == [
        (2, "refused", "refund_window_closed"),
        (3, "refused", "product_not_refundable"),
        (4, "planned", ""),
    ]


async def test_a_row_is_judged_by_the_lines_that_the_rows_before_it_left(desk: Desk) -> None:
    paid = await desk.pay((1000, 0), (9000, 0), email=desk.member())
    await desk.sql("UPDATE payment_lines SET product = CASE position WHEN 1 THEN 'course' ELSE 'room' END")
    await desk.rules(products=[{"product": "room", "refundable": False}])
    bulk = await bulks.drafted(desk.api)
    await bulks.sent(desk.api, bulk, [{"payment": paid.id, "amount": "6.00"}, {"payment": paid.id, "amount": "3.00"}])
    await bulks.sent(
        desk.api, bulk, [{"payment": paid.id, "amount": "2.00"}, {"payment": paid.id, "amount": "1.00"}],
        batch=2, first=10,
    )  # fmt: skip
    assert await codes(desk, bulk) == [
        (2, "planned", ""),
        (3, "planned", ""),
        (10, "refused", "product_not_refundable"),
        (11, "planned", ""),
    ], "the rows before it used up all but 1.00 of the course"


async def test_rows_above_the_threshold_are_told_before_anything_moves(desk: Desk) -> None:
    paid = await members(desk, 3)
    await desk.rules(approval=[{"currency": "USD", "above": 1000}])
    plan = await bulks.planned(desk.api, [*asked(paid[:2]), *asked(paid[2:], "10.01")])
    assert (plan["accepted"], plan["approvals"]) == (3, 1)
    rows = await bulks.rows_of(desk.api, plan["id"])
    assert [(row["row"], row["approval"]) for row in rows] == [(2, False), (3, False), (4, True)]


async def test_a_plan_without_a_policy_says_so(desk: Desk) -> None:
    plan = await bulks.planned(desk.api, asked(await members(desk, 1)))
    assert (plan["policy_version"], plan["approvals"], plan["limits"]) == (0, 0, [])


async def test_a_staff_member_plans_no_refund_to_themselves(desk: Desk) -> None:
    mine, other = await desk.pay(email="Sue@Example.com"), await desk.pay(email=desk.member())
    sue = await desk.person("sue@example.com", "support")
    plan = await bulks.planned(sue, asked([mine, other]))
    assert await codes(desk, plan["id"]) == [(2, "refused", "own_account"), (3, "planned", "")]


async def test_a_policy_that_changes_while_the_file_is_read_ends_it(desk: Desk) -> None:
    paid = await members(desk, 2)
    bulk = await bulks.drafted(desk.api)
    await bulks.sent(desk.api, bulk, asked(paid[:1]))
    await desk.rules(window_days=30)
    second = await bulks.sent(desk.api, bulk, asked(paid[1:]), batch=2, first=10)
    assert (second.status_code, second.json()["code"]) == (409, "bulk_policy_changed")
    closed = await desk.api.post(f"/v1/refund-bulks/{bulk}/plan")
    assert (closed.status_code, closed.json()["code"]) == (409, "bulk_policy_changed")


async def test_the_whole_file_is_held_to_the_limits_of_who_applies_it_before_a_row_moves(desk: Desk) -> None:
    paid = await members(desk, 3)
    await desk.rules(limits=[{"role": "operator", "currency": "USD", "day": 2999}])
    plan = await bulks.planned(desk.api, asked(paid))
    sue = await desk.person("sue@example.com", "operator")
    refused = await bulks.applied(sue, plan["id"])
    assert (refused.status_code, refused.json()["code"]) == (422, "refund_over_limit")
    assert "the operator's limit for 1 day, 29.99 USD" in refused.json()["detail"]
    assert (await bulks.shown(desk.api, plan["id"]))["state"] == "planned"
    assert (await bulks.applied(desk.api, plan["id"], key="owner")).status_code == 200


async def test_a_policy_that_changes_after_the_plan_is_held_to_row_by_row(desk: Desk) -> None:
    paid = await members(desk, 5)
    plan = await bulks.planned(desk.api, asked(paid))
    assert (await bulks.applied(desk.api, plan["id"])).status_code == 200
    await desk.rules(limits=[{"role": "local", "currency": "USD", "day": 2500}])
    await money.run_jobs(desk.frames, desk.provider, JOBS)
    ended = await bulks.shown(desk.api, plan["id"])
    assert (ended["state"], ended["done"], ended["failed"]) == ("partly", 2, 3)
    assert {row["code"] for row in await bulks.rows_of(desk.api, plan["id"], state="failed")} == {"refund_over_limit"}
    await desk.books_hold()


async def test_a_batch_is_judged_in_as_many_statements_however_many_rows_it_has(desk: Desk) -> None:
    paid = [await desk.pay(email=desk.member()) for _ in range(12)]
    await desk.rules(
        limits=[{"role": "support", "currency": "USD", "day": 500_000}],
        members=[{"currency": "USD", "day": 50_000}],
        approval=[{"currency": "USD", "above": 1000}],
        hold_after_email_change_days=7,
    )
    sue = await desk.person("sue@example.com", "support")
    counts = []
    for rows in (asked(paid[:2]), asked(paid) + asked(paid, "11.00")):
        bulk = await bulks.drafted(sue)
        with counted() as statements:
            answer = await bulks.sent(sue, bulk, rows)
        assert answer.json()["accepted"] == len(rows)
        counts.append([one for one in statements if "refund" in one or "payment" in one or "users" in one])
    assert len(counts[0]) == len(counts[1]) > 5, counts


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
