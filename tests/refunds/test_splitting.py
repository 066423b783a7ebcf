"""Many small refunds are one large one: the threshold of the second person over a day, a member, and a whole file."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from tests.refunds import bulks
from tests.refunds.desk import Desk
from tests.refunds.test_second_person import SAM, SMALL, account, token


@pytest.fixture
async def sam(desk: Desk) -> httpx.AsyncClient:
    await desk.rules(**SMALL)
    return await desk.person(SAM, "owner")


async def test_what_a_member_got_in_a_day_counts_against_the_threshold_on_whichever_payment(
    desk: Desk, sam: httpx.AsyncClient
) -> None:
    first, second = await desk.pay(), await desk.pay()
    states = [(await desk.refunded(one, amount=2500, by=sam))["state"] for one in (first, second)]
    assert states == ["created", "created"]
    shown = await desk.preview(second, amount=1, by=sam)
    assert shown["approval"] == "another person, operator or above, within 3 days"
    [said] = [one["detail"] for one in shown["findings"] if one["rule"] == "approval"]
    assert said.startswith("50.01 USD for the member in 1 day is above 50.00 USD: another person")
    assert (await desk.refunded(second, amount=1))["state"] == "waiting", "whoever issues it"
    assert (await desk.refunded(await desk.pay(email="b@example.com"), amount=5000, by=sam))["state"] == "created"
    desk.clock.instant += timedelta(days=1)
    assert (await desk.refunded(second, amount=2500, by=sam))["state"] == "created"


async def test_parallel_refunds_of_one_member_by_several_people_do_not_pass_the_threshold_unseen(
    desk: Desk, sam: httpx.AsyncClient
) -> None:
    kim = await desk.person("kim@example.com", "operator")
    paid = [await desk.pay() for _ in range(3)]
    sent = [desk.issue(paid[n % 3], amount=1000, again=True, by=(sam, kim)[n % 2]) for n in range(12)]
    states = [answer.json()["state"] for answer in await asyncio.gather(*sent)]
    assert (states.count("created"), states.count("waiting")) == (5, 7)


@pytest.fixture
async def plan(desk: Desk, sam: httpx.AsyncClient) -> str:
    """A file of Sam's: three times 20.00, each to another member, where 50.00 is the threshold."""
    paid = [await desk.pay(email=desk.member()) for _ in range(3)]
    planned = await bulks.planned(sam, [{"payment": one.id, "amount": "20.00"} for one in paid])
    assert (planned["approvals"], planned["planned_by"]) == (0, planned["created_by"])
    return str(planned["id"])


async def test_a_bulk_above_the_threshold_is_carried_out_by_another_person_than_planned_it(
    desk: Desk, sam: httpx.AsyncClient, plan: str
) -> None:
    answer = await bulks.applied(sam, plan)
    assert (answer.status_code, answer.json()["code"]) == (403, "bulk_needs_second_person")
    assert "60.00 USD in all is above 50.00 USD" in answer.json()["detail"]
    await account(desk, sam, "pat@example.com")
    answer = await bulks.applied(await token(desk, sam, "pat@example.com"), plan)
    assert (answer.status_code, answer.json()["code"]) == (403, "approver_not_apart")
    answer = await bulks.applied(await token(desk, desk.api, None), plan)
    assert (answer.status_code, answer.json()["code"]) == (403, "approver_not_a_person")
    assert (await bulks.shown(desk.api, plan))["state"] == "planned"
    answer = await bulks.applied(await desk.person("kim@example.com", "operator"), plan)
    assert (answer.status_code, answer.json()["state"]) == (200, "applying")


async def test_up_to_the_threshold_who_planned_a_bulk_carries_it_out(desk: Desk, sam: httpx.AsyncClient) -> None:
    paid = await desk.pay(email=desk.member())
    planned = await bulks.planned(sam, [{"payment": paid.id, "amount": "50.00"}])
    assert (await bulks.applied(sam, planned["id"])).status_code == 200
