"""The routes of subscriptions and their import, through the real application on a real database."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import psycopg
import pytest

from rtp.testing.servers import Cloned

CATALOG = {
    "products": [
        {
            "key": key,
            "name": key.title(),
            "kind": "room",
            "prices": [
                {
                    "key": f"{key}-monthly",
                    "amount": {"amount": 9700, "currency": "USD"},
                    "interval": "month",
                    "trial_days": trial,
                }
            ],
        }
        for key, trial in (("room", 7), ("alerts", 0))
    ]
}


@pytest.fixture
async def shop(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A catalog and five members."""
    await api.put("/v1/catalog", json=CATALOG)
    lines = [json.dumps({"row": n, "email": f"m{n}@example.com", "name": f"M{n}"}) for n in range(5)]
    await api.post("/v1/users/import", content="\n".join(lines))
    return api


async def create(api: httpx.AsyncClient, key: str, **body: Any) -> httpx.Response:
    sent = {"user": "m0@example.com", "price": "room-monthly", "card": "visa"} | body
    return await api.post("/v1/subscriptions", json=sent, headers={"Idempotency-Key": key})


async def imported(api: httpx.AsyncClient, key: str, *rows: tuple[str, str, str | None] | bytes) -> dict[str, Any]:
    lines = []
    for place, row in enumerate(rows, start=2):
        if isinstance(row, bytes):
            lines.append(row)
        else:
            email, price, card = row
            lines.append(json.dumps({"row": place, "email": email, "price": price, "card": card}).encode())
    answer = await api.post("/v1/subscriptions/import", content=b"\n".join(lines), headers={"Idempotency-Key": key})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_subscription_is_created_shown_and_listed(shop: httpx.AsyncClient) -> None:
    made = await create(shop, "k1")
    assert made.status_code == 201, made.text
    held = made.json()
    assert (held["status"], held["amount"], held["cancel_at_period_end"]) == (
        "trialing", {"amount": 9700, "currency": "USD"}, False,
    )  # fmt: skip
    assert (await shop.get(f"/v1/subscriptions/{held['id']}")).json() == held
    for query in ({"user": "M0@example.com"}, {"status": "trialing"}, {"price": "room-monthly"}):
        assert (await shop.get("/v1/subscriptions", params=query)).json()["items"] == [held]
    for query in ({"user": "m1@example.com"}, {"status": "active"}, {"price": "alerts-monthly"}):
        assert (await shop.get("/v1/subscriptions", params=query)).json()["items"] == []


async def test_what_is_due_comes_in_the_order_of_its_time(shop: httpx.AsyncClient) -> None:
    later = (await create(shop, "k1")).json()
    sooner = (await create(shop, "k2", price="alerts-monthly")).json()
    seen: list[str] = []
    cursor = ""
    while True:
        query: dict[str, Any] = {"due_before": "2100-01-01", "limit": 1, "cursor": cursor}
        page = (await shop.get("/v1/subscriptions", params=query)).json()
        seen += [one["id"] for one in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == [sooner["id"], later["id"]]
    assert (await shop.get("/v1/subscriptions", params={"due_before": "1h"})).json()["items"] == []


async def test_money_does_not_move_without_a_key_and_a_repeated_key_charges_nothing_more(
    shop: httpx.AsyncClient,
) -> None:
    body = {"user": "m0@example.com", "price": "alerts-monthly", "card": "visa"}
    bare = await shop.post("/v1/subscriptions", json=body)
    assert (bare.status_code, bare.json()["code"]) == (400, "idempotency_key_missing")
    first = await create(shop, "k1", price="alerts-monthly")
    again = await create(shop, "k1", price="alerts-monthly")
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await shop.get("/v1/payments")).json()["items"]) == 1


async def test_a_dry_run_shows_what_would_open_and_be_charged_and_its_plan_does_exactly_that(
    shop: httpx.AsyncClient,
) -> None:
    body = {"user": "m0@example.com", "price": "alerts-monthly", "card": "visa"}
    planned = await shop.post("/v1/subscriptions", json=body, params={"dry_run": True})
    assert planned.status_code == 202, planned.text
    plan = planned.json()
    types = [change["type"] for change in plan["changes"]]
    assert types == ["payment_method.added", "payment.created", "subscription.created", "entitlement.closed"]
    assert [ask["job"] for ask in plan["jobs"]] == ["payments.submit"]
    assert (await shop.get("/v1/subscriptions")).json()["items"] == []
    applied = await shop.post(f"/v1/plans/{plan['id']}/apply", headers={"Idempotency-Key": "k1"})
    assert applied.status_code == 201, applied.text
    assert applied.json() == plan["result"]


async def test_every_refusal_has_its_code_and_writes_nothing(shop: httpx.AsyncClient) -> None:
    await shop.post("/v1/users/m4@example.com/suspend")
    for body, status, code in (
        ({"user": "nobody@example.com"}, 404, "user_not_found"),
        ({"user": "m4@example.com"}, 422, "user_state_refused"),
        ({"price": "nothing"}, 404, "price_not_found"),
        ({"price": "alerts-monthly", "card": None}, 422, "card_required"),
        ({"card": "pm_00000000000000000000000000"}, 404, "method_not_found"),
        ({"card": "4242 4242 4242 4242"}, 400, "invalid_input"),
        ({"quantity": 2}, 400, "invalid_input"),
    ):
        answer = await create(shop, f"k-{code}", **body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await shop.get("/v1/subscriptions")).json()["items"] == []
    assert (await shop.get("/v1/subscriptions/sub_nonsense")).json()["code"] == "subscription_not_found"


async def test_a_card_may_bear_the_name_that_stripe_gives_it(shop: httpx.AsyncClient) -> None:
    await create(shop, "k1", card="pm_1NvPkMLkdIwHu7ixQx2hPq3R")
    [method] = (await shop.get("/v1/users/m0@example.com/payment-methods")).json()["items"]
    assert method["card"] == "pm_1NvPkMLkdIwHu7ixQx2hPq3R"


async def test_a_card_of_another_member_is_not_found(shop: httpx.AsyncClient) -> None:
    method = (await shop.post("/v1/users/m1@example.com/payment-methods", json={"card": "visa"})).json()
    answer = await create(shop, "k1", card=method["id"])
    assert (answer.status_code, answer.json()["code"]) == (404, "method_not_found")
    own = await create(shop, "k2", user="m1@example.com", card=method["id"])
    assert own.json()["payment_method_id"] == method["id"]


async def test_ten_simultaneous_subscriptions_of_one_member_to_one_product_are_one(shop: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(create(shop, f"k{n}", price="alerts-monthly") for n in range(10)))
    codes = sorted(answer.json().get("code", "made") for answer in answers)
    assert codes == ["already_subscribed"] * 9 + ["made"]
    assert len((await shop.get("/v1/payments")).json()["items"]) == 1


async def test_a_cancellation_leaves_one_audit_row_with_reason_and_both_changes(shop: httpx.AsyncClient) -> None:
    held = (await create(shop, "k1")).json()
    answer = await shop.post(
        f"/v1/subscriptions/{held['id']}/cancel", json={"now": True}, params={"reason": "moved away"}
    )
    assert answer.json()["status"] == "canceled"
    row = (await shop.get("/v1/audit", params={"target": held["id"]})).json()["items"][0]
    assert (row["operation"], row["reason"]) == ("subscriptions.cancel", "moved away")
    assert [change["type"] for change in row["changes"]] == ["subscription.canceled", "entitlement.closed"]
    again = await shop.post(f"/v1/subscriptions/{held['id']}/cancel", json={})
    assert (again.status_code, again.json()["exit_code"]) == (422, 7)


async def test_an_import_takes_the_good_rows_and_names_the_others(shop: httpx.AsyncClient) -> None:
    result = await imported(
        shop,
        "k1",
        ("m0@example.com", "room-monthly", "visa"),
        ("M1@EXAMPLE.com", "alerts-monthly", "visa"),
        ("m2@example.com", "alerts-monthly", None),
        ("nobody@example.com", "room-monthly", "visa"),
        ("m3@example.com", "no-such-price", "visa"),
        ("m3@example.com", "room-monthly", "=cmd()"),
        b'{"row": 8, "email": "m3@example.com"',
        ("m3@example.com", "room-monthly", None),
    )
    assert (result["created"], result["charged"]) == (3, 1)
    assert [(row["row"], row["code"]) for row in result["refused"]] == [
        (4, "card_required"),
        (5, "user_not_found"),
        (6, "price_not_found"),
        (7, "invalid_row"),
        (7, "invalid_row"),
    ]
    listed = (await shop.get("/v1/subscriptions")).json()["items"]
    assert sorted((one["product"], one["status"]) for one in listed) == [
        ("alerts", "incomplete"), ("room", "trialing"), ("room", "trialing"),
    ]  # fmt: skip
    paid = (await shop.get("/v1/payments")).json()["items"]
    charged = next(one for one in listed if one["status"] == "incomplete")
    assert [(one["id"], one["source"]) for one in paid] == [(charged["payment_id"], charged["id"])]


async def test_the_same_import_again_creates_and_charges_nothing(shop: httpx.AsyncClient) -> None:
    rows = [(f"m{n}@example.com", "alerts-monthly", "visa") for n in range(5)]
    first = await imported(shop, "k1", *rows, rows[0])
    assert (first["created"], first["existing"], first["charged"]) == (5, 1, 5)
    again = await imported(shop, "k2", *rows)
    assert (again["created"], again["existing"], again["charged"]) == (0, 5, 0)
    assert len((await shop.get("/v1/payments")).json()["items"]) == 5


async def test_two_imports_of_the_same_rows_at_once_subscribe_and_charge_each_member_once(
    shop: httpx.AsyncClient,
) -> None:
    rows = [(f"m{n}@example.com", "alerts-monthly", "visa") for n in range(5)]
    both = await asyncio.gather(imported(shop, "k1", *rows), imported(shop, "k2", *rows))
    assert sum(result["created"] for result in both) == 5
    assert sum(result["charged"] for result in both) == 5
    listed = (await shop.get("/v1/subscriptions")).json()["items"]
    paid = (await shop.get("/v1/payments")).json()["items"]
    assert sorted(one["source"] for one in paid) == sorted(one["id"] for one in listed)


async def test_an_import_leaves_an_event_for_each_member_and_one_audit_row(shop: httpx.AsyncClient) -> None:
    await imported(shop, "k1", *((f"m{n}@example.com", "alerts-monthly", "visa") for n in range(5)))
    for type in ("subscription.created", "payment.created", "entitlement.closed"):
        assert len((await shop.get("/v1/events", params={"type": type})).json()["items"]) == 5
    rows = (await shop.get("/v1/audit", params={"target": "subscriptions"})).json()["items"]
    assert [row["operation"] for row in rows] == ["subscriptions.import"]
    assert rows[0]["changes"]["summary"] == {"created": 5, "existing": 0, "charged": 5, "refused": 0}


async def test_a_single_charge_does_not_wait_for_those_of_an_import(shop: httpx.AsyncClient, database: Cloned) -> None:
    await imported(shop, "k1", *((f"m{n}@example.com", "alerts-monthly", "visa") for n in range(1, 5)))
    single = (await create(shop, "k2", price="alerts-monthly")).json()
    with psycopg.connect(database.owner_url) as connection:
        worker = connection.execute("SELECT * FROM procrastinate_register_worker_v1()").fetchone()
        assert worker is not None
        fetched = connection.execute(
            "SELECT args ->> 'payment' FROM procrastinate_fetch_job_v2(NULL, %s)", (worker[0],)
        ).fetchone()
    assert fetched == (single["payment_id"],)


async def test_a_batch_larger_than_the_limit_is_refused_whole(shop: httpx.AsyncClient) -> None:
    line = json.dumps({"row": 1, "email": "m0@example.com", "price": "room-monthly"})
    answer = await shop.post(
        "/v1/subscriptions/import", content="\n".join([line] * 601), headers={"Idempotency-Key": "k1"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "subscription_import_too_large")
