"""The ticket a policy asks for: for every refund, or above an amount, counted with what the member has of a day."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from rtp.testing import money
from tests.refunds import bulks
from tests.refunds.desk import Desk

ALWAYS = {"ticket": [{"currency": "USD", "above": 0}]}
ABOVE = {"ticket": [{"currency": "USD", "above": 2000}]}


async def finding(desk: Desk, payment: Any, **body: Any) -> tuple[str, str]:
    """What a preview says of the ticket."""
    shown = await desk.preview(payment, **body)
    [found] = [one for one in shown["findings"] if one["rule"] == "ticket"]
    assert shown["allowed"] is (found["state"] == "ok")
    return found["state"], found["detail"]


@pytest.mark.parametrize("ticket", ["", "   "])
async def test_a_refund_without_a_ticket_is_refused_where_the_policy_asks_for_one(desk: Desk, ticket: str) -> None:
    payment = await desk.pay()
    await desk.rules(**ALWAYS)
    answer = await desk.issue(payment, amount=1, ticket=ticket)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "refund_ticket_missing")
    assert problem["detail"] == (
        "The refund policy (version 1) asks for a ticket for every refund in USD, and none is named."
    )
    assert "--ticket ID" in problem["hint"]
    assert (await desk.payment(payment))["refundable"]["amount"] == 10_000
    assert await finding(desk, payment, amount=1, ticket=ticket) == ("refused", problem["detail"])
    assert await finding(desk, payment, amount=1, ticket=" SUP-7 ") == ("ok", "SUP-7 is named")
    assert (await desk.refunded(payment, amount=1, ticket="SUP-7"))["ticket"] == "SUP-7"


async def test_a_ticket_is_asked_for_above_an_amount_that_splitting_does_not_get_around(desk: Desk) -> None:
    first, second = await desk.pay(), await desk.pay()
    await desk.rules(**ABOVE)
    assert await finding(desk, first, amount=2000) == ("ok", "none is needed up to 20.00 USD")
    assert (await desk.issue(first, amount=2001)).json()["params"]["when"] == "above 20.00 USD"
    await desk.refunded(first, amount=1500)
    assert await finding(desk, second, amount=500) == (
        "ok",
        "none is needed up to 20.00 USD, 15.00 USD of it used in 1 day",
    )
    split = (await desk.issue(second, amount=501)).json()
    assert (split["code"], split["params"]["when"]) == (
        "refund_ticket_missing", "20.01 USD for the member in 1 day is above 20.00 USD"
    )  # fmt: skip
    await desk.refunded(second, amount=501, ticket="SUP-7")
    desk.clock.instant += timedelta(days=1)
    await desk.refunded(second, amount=2000)


async def test_refunds_of_one_member_at_the_same_moment_do_not_get_by_without_a_ticket(desk: Desk) -> None:
    paid = [await desk.pay() for _ in range(4)]
    await desk.rules(**ABOVE)
    people = [await desk.person(f"{name}@example.com", "support") for name in ("a", "b", "c", "d")]
    answers = await asyncio.gather(
        *(desk.issue(payment, amount=900, by=person) for payment, person in zip(paid, people, strict=True))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, 422, 422]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 422} == {"refund_ticket_missing"}


async def test_a_currency_without_a_row_always_needs_a_ticket_and_a_policy_without_rows_never(desk: Desk) -> None:
    euros, free = await desk.pay(currency="EUR"), {"role": "local", "currency": "EUR"}
    await desk.rules(limits=[free], ticket=[{"currency": "USD", "above": 2000}])
    refused = (await desk.issue(euros, amount=1)).json()
    assert (refused["code"], refused["params"]["when"]) == ("refund_ticket_missing", "for every refund in EUR")
    await desk.rules(limits=[free])
    await desk.refunded(euros, amount=1)


async def test_what_failed_without_a_ticket_is_not_retried_under_a_policy_that_asks_for_one(desk: Desk) -> None:
    payment = await desk.pay()
    without, named = [await desk.refunded(payment, amount=1000, ticket=ticket) for ticket in ("", "SUP-7")]
    desk.provider.says = "failed"
    await desk.work()
    await desk.rules(**ALWAYS)
    assert (await desk.decide(without["id"], "retry")).json()["code"] == "refund_ticket_missing"
    second = await desk.decide(named["id"], "retry")
    assert (second.status_code, second.json()["ticket"]) == (200, "SUP-7")


async def test_each_row_of_a_file_is_held_to_the_ticket_in_the_plan_and_when_it_is_issued(desk: Desk) -> None:
    paid = [await desk.pay(email=desk.member()) for _ in range(3)]
    one = await desk.pay(email="one@example.com")
    rows = [{"payment": payment.id, "amount": "10.00"} for payment in paid]
    rows[1]["ticket"] = "SUP-7"
    await desk.rules(**ABOVE)
    split = [{"payment": one.id, "amount": "12.00", "key": key} for key in ("a", "b")]
    plan = await bulks.planned(desk.api, [*rows, *split])
    told = [(row["state"], row["code"]) for row in await bulks.rows_of(desk.api, plan["id"])]
    assert told == [*[("planned", "")] * 4, ("refused", "refund_ticket_missing")], "rows count together"
    await desk.rules(**ALWAYS)
    strict = await bulks.planned(desk.api, [dict(row) for row in rows])
    assert [row["code"] for row in await bulks.rows_of(desk.api, strict["id"], state="refused")] == [
        "refund_ticket_missing"
    ] * 2
    assert (await bulks.applied(desk.api, plan["id"])).status_code == 200
    await money.run_jobs(desk.frames, desk.provider, bulks.JOBS)
    ended = [(row["state"], row["code"]) for row in await bulks.rows_of(desk.api, plan["id"])]
    missing = ("failed", "refund_ticket_missing")
    assert ended[:4] == [missing, ("succeeded", ""), missing, missing], "the policy is asked once more"


async def test_a_policy_that_names_a_currency_twice_for_tickets_is_refused(desk: Desk) -> None:
    row = {"currency": "USD", "above": 1}
    answer = await desk.api.put("/v1/refund-policy", json={"limits": [], "ticket": [row, row]})
    assert list(answer.json()["fields"]) == ["ticket[1]"]


async def test_the_difference_of_two_policies_names_the_ticket_by_its_currency(desk: Desk) -> None:
    await desk.rules()
    changed = (await desk.rules(**ABOVE)).json()["changes"]
    assert changed == [{"path": "ticket[USD].above", "before": None, "after": {"amount": 2000, "currency": "USD"}}]
