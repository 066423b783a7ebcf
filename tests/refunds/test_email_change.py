"""After a member's e-mail became another one, perhaps by who took the account over, refunds need a second person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rtp.testing import money
from tests.refunds import bulks
from tests.refunds.desk import ADA, Desk
from tests.refunds.test_bulk_policy import counted

EVE = "eve@example.com"
HELD = {"hold_after_email_change_days": 7}


async def change(desk: Desk, key: str, **values: Any) -> None:
    """Change what is known of a member."""
    answer = await desk.api.patch(f"/v1/users/{key}", json=values)
    assert answer.status_code == 200, answer.text


async def finding(desk: Desk, payment: Any, **body: Any) -> tuple[str, str]:
    """What a preview says of the e-mail."""
    shown = await desk.preview(payment, **body)
    [found] = [one for one in shown["findings"] if one["rule"] == "email"]
    assert shown["allowed"] is True
    return found["state"], found["detail"]


async def test_a_refund_after_the_e_mail_was_changed_waits_whatever_its_amount_and_says_why(desk: Desk) -> None:
    payment = await desk.pay()
    await desk.rules(**HELD)
    assert await finding(desk, payment, amount=1) == ("ok", "the member's was not changed within 7 days")
    before = await desk.refunded(payment, amount=1)
    assert (before["state"], before["held_because"]) == ("created", "")
    await change(desk, ADA, email=EVE)
    why = f"the member's e-mail was changed on {desk.clock.instant:%Y-%m-%d}, within 7 days"
    other = "another person (operator or above) must approve within 3 d"
    assert await finding(desk, payment, amount=1) == ("approval", f"{why}: {other}")
    assert (await desk.preview(payment, amount=1))["approval"] == "another person, operator or above, within 3 days"
    held = await desk.refunded(payment, amount=1)
    assert (held["state"], held["approval_needed"], held["held_because"]) == ("waiting", True, why)
    await desk.work()
    assert [(await desk.show(one["id"]))["state"] for one in (before, held)] == ["succeeded", "waiting"]


async def test_a_second_person_releases_it_and_who_issued_it_does_not(desk: Desk) -> None:
    payment = await desk.pay()
    sam, kim = [await desk.person(f"{name}@example.com", "operator") for name in ("sam", "kim")]
    await desk.rules(**HELD)
    await change(desk, ADA, email=EVE)
    held = await desk.refunded(payment, amount=100, by=sam)
    assert (await desk.decide(held["id"], "approve", by=sam)).json()["code"] == "approved_by_issuer"
    approved = await desk.decide(held["id"], "approve", by=kim)
    assert approved.status_code == 200, approved.text
    await desk.work()
    shown = await desk.show(held["id"])
    assert (shown["state"], shown["held_because"]) == ("succeeded", held["held_because"])
    await desk.books_hold()


async def test_it_waits_until_so_many_days_are_over_and_each_change_counts_anew(desk: Desk) -> None:
    payment = await desk.pay()
    await desk.rules(**HELD)
    await change(desk, ADA, email=EVE)
    desk.clock.instant += timedelta(days=7) - timedelta(seconds=1)
    assert (await desk.refunded(payment, amount=1))["state"] == "waiting"
    desk.clock.instant += timedelta(seconds=1)
    assert (await desk.refunded(payment, amount=1))["state"] == "created"
    await change(desk, EVE, email=ADA)
    assert (await desk.refunded(payment, amount=1))["state"] == "waiting", "back to the former one is a change, too"


@pytest.mark.parametrize(
    "values", [{"name": "Ada L."}, {"timezone": "Europe/Berlin"}, {"email": ADA.upper()}, {"email": ADA}]
)
async def test_other_changes_and_the_same_address_in_other_letters_hold_nothing(
    desk: Desk, values: dict[str, str]
) -> None:
    payment = await desk.pay()
    await desk.rules(**HELD)
    await change(desk, ADA, **values)
    assert (await desk.refunded(payment, amount=1))["state"] == "created"


async def test_without_the_policys_word_a_change_holds_nothing_and_no_statement_asks_for_it(desk: Desk) -> None:
    payment = await desk.pay()
    await change(desk, ADA, email=EVE)
    await desk.rules()
    with counted() as without:
        assert (await desk.refunded(payment, amount=1))["state"] == "created"
    await desk.rules(**HELD)
    with counted() as with_it:
        assert (await desk.refunded(payment, amount=1))["state"] == "waiting"
    assert not any("email_changed_at" in one for one in without)
    assert sum("email_changed_at" in one for one in with_it) == 1


async def test_both_reasons_are_kept_where_the_amount_needs_a_second_person_too(desk: Desk) -> None:
    payment = await desk.pay()
    await desk.rules(**HELD, approval=[{"currency": "USD", "above": 5000}])
    await change(desk, ADA, email=EVE)
    held = await desk.refunded(payment, amount=5001)
    assert held["held_because"].endswith("within 7 days; above 50.00 USD")
    await desk.rules(approval=[{"currency": "USD", "above": 5000}])
    desk.clock.instant += timedelta(days=1)
    assert (await desk.refunded(payment, amount=4999))["held_because"] == ""


async def test_a_row_of_a_file_for_such_a_member_is_told_in_the_plan_and_waits_when_it_is_issued(desk: Desk) -> None:
    changed, other = await desk.pay(), await desk.pay(email="other@example.com")
    await desk.rules(**HELD)
    await change(desk, ADA, email=EVE)
    plan = await bulks.planned(desk.api, [{"payment": one.id, "amount": "1.00"} for one in (changed, other)])
    assert plan["approvals"] == 1
    assert [row["approval"] for row in await bulks.rows_of(desk.api, plan["id"])] == [True, False]
    assert (await bulks.applied(desk.api, plan["id"])).status_code == 200
    await money.run_jobs(desk.frames, desk.provider, bulks.JOBS, most=8)  # what waits is followed without an end
    assert [row["state"] for row in await bulks.rows_of(desk.api, plan["id"])] == ["issued", "succeeded"]
