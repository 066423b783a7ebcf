"""Who is a second person: not who asked, by no account or token of theirs, and not who sits at the machine on prod."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from rtp.testing import asgi
from tests.refunds import bulks
from tests.refunds.desk import Desk

SMALL = {"approval": [{"currency": "USD", "above": 5000}]}
SAM = "sam@example.com"


async def account(desk: Desk, by: httpx.AsyncClient, email: str, role: str = "owner") -> None:
    made = await by.post("/v1/staff", json={"email": email, "name": email, "role": role})
    assert made.status_code == 201, made.text


async def token(
    desk: Desk, by: httpx.AsyncClient, staff: str | None, role: str = "owner", *, made: list[str] | None = None
) -> httpx.AsyncClient:
    answer = await by.post("/v1/tokens", json={"name": "t", "role": role, "staff": staff})
    assert answer.status_code == 201, answer.text
    if made is not None:
        made.append(answer.json()["id"])
    return await desk.open.enter_async_context(asgi.client(desk.app, token=answer.json()["token"]))


async def asked(desk: Desk, by: httpx.AsyncClient | None) -> str:
    refund = await desk.refunded(await desk.pay(email=desk.member()), amount=6000, by=by)
    assert refund["state"] == "waiting"
    return str(refund["id"])


async def refused(desk: Desk, refund: str, by: httpx.AsyncClient | None, code: str = "approver_not_apart") -> str:
    answer = await desk.decide(refund, "approve", by=by)
    assert (answer.status_code, answer.json()["code"]) == (403, code), answer.text
    assert (await desk.show(refund))["state"] == "waiting"
    return str(answer.json()["detail"])


async def approved(desk: Desk, refund: str, by: httpx.AsyncClient | None) -> None:
    answer = await desk.decide(refund, "approve", by=by)
    assert answer.status_code == 200, answer.text


def on(desk: Desk, environment: Any) -> None:
    """Let the instance be of another class."""
    for frames in (desk.frames, desk.app.state.frames):
        frames.premises = replace(frames.premises, environment=environment)


@pytest.fixture
async def sam(desk: Desk) -> httpx.AsyncClient:
    await desk.rules(**SMALL)
    return await desk.person(SAM, "owner")


async def test_who_asked_cannot_approve_by_an_account_that_they_made(desk: Desk, sam: httpx.AsyncClient) -> None:
    refund = await asked(desk, sam)
    await account(desk, sam, "pat@example.com")
    for by in (sam, desk.api):
        assert "made by them" in await refused(desk, refund, await token(desk, by, "pat@example.com"))


async def test_nor_by_an_account_that_such_an_account_made(desk: Desk, sam: httpx.AsyncClient) -> None:
    refund = await asked(desk, sam)
    await account(desk, sam, "pat@example.com")
    pat = await token(desk, sam, "pat@example.com")
    await account(desk, pat, "kim@example.com")
    assert "made by them" in await refused(desk, refund, await token(desk, desk.api, "kim@example.com"))


async def test_nor_by_a_token_that_they_made_for_a_colleague_who_can_by_their_own(
    desk: Desk, sam: httpx.AsyncClient
) -> None:
    refund = await asked(desk, sam)
    kim = await desk.person("kim@example.com", "owner")
    made: list[str] = []
    taken = await token(desk, sam, "kim@example.com", made=made)
    assert "made by them" in await refused(desk, refund, taken)
    second = await token(desk, taken, "kim@example.com")
    assert (await desk.api.post(f"/v1/tokens/{made[0]}/revoke")).status_code == 200
    assert "made by them" in await refused(desk, refund, second)
    await approved(desk, refund, kim)


async def test_nor_under_the_same_address_with_a_tag_or_in_other_letters_whoever_made_the_account(
    desk: Desk, sam: httpx.AsyncClient
) -> None:
    refund = await asked(desk, sam)
    other = await desk.person("SAM+2@Example.com", "operator")
    assert "the address sam@example.com" in await refused(desk, refund, other)


async def test_nor_what_an_api_key_asked_for_that_they_made(desk: Desk, sam: httpx.AsyncClient) -> None:
    refund = await asked(desk, await token(desk, sam, None))
    assert "you made the token" in await refused(desk, refund, sam)
    assert "the address sam@example.com" in await refused(desk, refund, await desk.person("sam+2@example.com", "owner"))
    await approved(desk, refund, await desk.person("kim@example.com", "operator"))


async def test_nor_what_a_colleague_asked_for_whose_token_they_made(desk: Desk, sam: httpx.AsyncClient) -> None:
    await account(desk, sam, "lee@example.com", "support")
    through_sam = await asked(desk, await token(desk, sam, "lee@example.com", "support"))
    assert "you made the token" in await refused(desk, through_sam, sam)


async def test_who_made_only_the_account_approves_what_it_asks_for_by_a_token_of_somebody_else(
    desk: Desk, sam: httpx.AsyncClient
) -> None:
    await account(desk, sam, "lee@example.com", "support")
    refund = await asked(desk, await token(desk, desk.api, "lee@example.com", "support"))
    await approved(desk, refund, sam)


async def test_two_people_whom_a_third_made_are_two(desk: Desk, sam: httpx.AsyncClient) -> None:
    await account(desk, sam, "kim@example.com", "operator")
    await account(desk, sam, "lee@example.com", "support")
    refund = await asked(desk, await token(desk, sam, "lee@example.com", "support"))
    await approved(desk, refund, await token(desk, sam, "kim@example.com", "operator"))


async def test_accounts_of_before_their_makers_were_kept_are_people_of_their_own(
    desk: Desk, sam: httpx.AsyncClient
) -> None:
    await account(desk, sam, "pat@example.com")
    refund, pat = await asked(desk, sam), await token(desk, sam, "pat@example.com")
    await desk.sql("UPDATE staff SET created_by = NULL, created_through = NULL")
    await desk.sql("UPDATE tokens SET created_by = NULL, created_through = NULL")
    await approved(desk, refund, pat)


async def test_on_dev_the_local_owner_is_a_person_beside_the_staff(desk: Desk, sam: httpx.AsyncClient) -> None:
    await approved(desk, await asked(desk, sam), None)
    await approved(desk, await asked(desk, None), sam)


async def test_where_the_policy_says_so_the_local_owner_is_not_even_on_dev(desk: Desk, sam: httpx.AsyncClient) -> None:
    await desk.rules(local_approves=False, **SMALL)
    await refused(desk, await asked(desk, sam), None, "local_owner_decides")
    assert "made by them" in await refused(desk, await asked(desk, None), sam)


async def test_nobody_refunds_or_approves_to_themselves_under_an_address_with_a_tag(
    desk: Desk, sam: httpx.AsyncClient
) -> None:
    mine, other = await desk.pay(email="sam+member@example.com"), await desk.pay(email="SAM@example.com")
    for payment in (mine, other):
        answer = await desk.issue(payment, amount=100, by=sam)
        assert (answer.status_code, answer.json()["code"]) == (403, "own_account")
        refund = await desk.refunded(payment, amount=6000)
        await refused(desk, refund["id"], sam, "own_account")
    rows = [{"payment": mine.id, "amount": "1.00"}]
    bulk = await bulks.drafted(sam)
    assert [row["code"] for row in (await bulks.sent(sam, bulk, rows)).json()["refused"]] == ["own_account"]


@pytest.mark.parametrize("environment", ["staging", "prod"])
async def test_on_staging_and_prod_the_local_owner_is_nobodys_second_person(
    desk: Desk, sam: httpx.AsyncClient, environment: str
) -> None:
    on(desk, environment)
    refund = await asked(desk, sam)
    await refused(desk, refund, None, "local_owner_decides")
    assert "made by them" in await refused(desk, await asked(desk, None), sam)
    await approved(desk, refund, await desk.person("kim@example.com", "operator"))
    wanted = {"limits": [], "local_approves": True, **SMALL}
    for answer in (
        await desk.api.put("/v1/refund-policy", json=wanted),
        await desk.api.post("/v1/refund-policy/diff", json=wanted),
    ):
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["local_approves"])
