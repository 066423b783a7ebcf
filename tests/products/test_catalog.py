"""Applying a catalog, through the real application on a real database."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import psycopg
import pytest

from rtp.testing.servers import Cloned


def room(minor: int = 19700, **changes: Any) -> dict[str, Any]:
    """A catalog of one product with one price."""
    price = {"key": "room-monthly", "amount": {"amount": minor, "currency": "USD"}, "interval": "month"}
    return {"products": [{"key": "room", "name": "Room", "kind": "room", "prices": [price | changes]}]}


async def applied(api: httpx.AsyncClient, catalog: dict[str, Any], **query: Any) -> dict[str, Any]:
    answer = await api.put("/v1/catalog", json=catalog, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def actions(diff: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(change["action"], change["noun"], change["key"]) for change in diff["changes"]]


async def test_a_new_catalog_makes_its_products_and_prices(api: httpx.AsyncClient) -> None:
    diff = await applied(api, room(trial_days=7))
    assert actions(diff) == [("create", "product", "room"), ("create", "price", "room-monthly")]
    shown = (await api.get("/v1/products/room")).json()
    assert shown["prices"][0]["amount"] == {"amount": 19700, "currency": "USD"}
    assert shown["prices"][0]["trial_days"] == 7
    assert shown["prices"][0]["product"] == "room"


async def test_the_same_catalog_again_changes_nothing_and_says_so(api: httpx.AsyncClient) -> None:
    await applied(api, room())
    before = (await api.get("/v1/events")).json()["items"]
    again = await applied(api, room())
    assert again == {"changes": [], "unchanged": 2, "kept": []}
    assert (await api.get("/v1/events")).json()["items"] == before


async def test_a_changed_amount_archives_the_price_and_makes_its_successor(api: httpx.AsyncClient) -> None:
    await applied(api, room(19700))
    old = (await api.get("/v1/prices/room-monthly")).json()
    diff = await applied(api, room(20700))
    assert actions(diff) == [("replace", "price", "room-monthly")]
    assert diff["changes"][0]["fields"]["amount"] == [
        {"amount": 19700, "currency": "USD"},
        {"amount": 20700, "currency": "USD"},
    ]
    new = (await api.get("/v1/prices", params={"search": "room-monthly", "status": "active"})).json()["items"]
    assert [price["amount"]["amount"] for price in new] == [20700]
    rows = (await api.get("/v1/prices", params={"search": "ROOM-m"})).json()["items"]
    kept = next(price for price in rows if price["id"] == old["id"])
    assert kept["status"] == "archived"
    assert kept["amount"] == old["amount"]
    assert kept["id"] != new[0]["id"]


async def test_a_changed_trial_or_name_stays_the_same_price_and_product(api: httpx.AsyncClient) -> None:
    await applied(api, room())
    old = (await api.get("/v1/products/room")).json()
    catalog = room(trial_days=14)
    catalog["products"][0]["name"] = "The Room"
    diff = await applied(api, catalog)
    assert actions(diff) == [("change", "product", "room"), ("change", "price", "room-monthly")]
    rows = (await api.get("/v1/prices", params={"search": "ROOM-m"})).json()["items"]
    assert [(price["id"], price["trial_days"]) for price in rows] == [(old["prices"][0]["id"], 14)]


async def test_what_the_catalog_lacks_stays_unless_pruned(api: httpx.AsyncClient) -> None:
    await applied(api, room())
    empty: dict[str, Any] = {"products": []}
    assert await applied(api, empty) == {"changes": [], "unchanged": 0, "kept": ["room", "room-monthly"]}
    pruned = await applied(api, empty, prune=True)
    assert actions(pruned) == [("archive", "price", "room-monthly"), ("archive", "product", "room")]
    again = await applied(api, empty, prune=True)
    assert again["changes"] == []


async def test_an_archived_product_that_comes_back_is_restored(api: httpx.AsyncClient) -> None:
    await applied(api, room())
    product = (await api.get("/v1/products/room")).json()
    await applied(api, {"products": []}, prune=True)
    diff = await applied(api, room())
    assert actions(diff) == [("restore", "product", "room"), ("create", "price", "room-monthly")]
    active = (await api.get("/v1/products", params={"status": "active"})).json()["items"]
    assert [(one["id"], one["version"]) for one in active] == [(product["id"], 3)]


async def test_a_plan_shows_what_apply_would_do_and_changes_nothing(api: httpx.AsyncClient) -> None:
    planned = await api.post("/v1/catalog/diff", json=room())
    assert planned.status_code == 200, planned.text
    assert (await api.get("/v1/products")).json()["items"] == []
    assert planned.json() == await applied(api, room())


async def test_a_dry_run_with_prune_is_carried_out_by_its_plan_alone(api: httpx.AsyncClient) -> None:
    await applied(api, room())
    planned = await api.put("/v1/catalog", json={"products": []}, params={"dry_run": True, "prune": True})
    assert planned.status_code == 202, planned.text
    done = await api.post(f"/v1/plans/{planned.json()['id']}/apply")
    assert done.status_code == 200, done.text
    assert done.json() == planned.json()["result"]
    assert (await api.get("/v1/products", params={"status": "active"})).json()["items"] == []


@pytest.mark.parametrize(
    "changes,path",
    [
        ({"amount": {"amount": -1, "currency": "USD"}}, "products[0].prices[0].amount"),
        ({"amount": {"amount": 0, "currency": "USD"}}, "products[0].prices[0].amount"),
        ({"amount": {"amount": 1, "currency": "XXX"}}, "products[0].prices[0].amount"),
        ({"amount": {"amount": 1.5, "currency": "USD"}}, "products[0].prices[0].amount.amount"),
        ({"interval": "fortnight"}, "products[0].prices[0].interval"),
        ({"key": "Room Monthly"}, "products[0].prices[0].key"),
        ({"colour": "red"}, "products[0].prices[0].colour"),
    ],
)
async def test_a_bad_price_is_refused_with_its_path(api: httpx.AsyncClient, changes: dict[str, Any], path: str) -> None:
    answer = await api.put("/v1/catalog", json=room(**changes))
    assert answer.status_code == 400, answer.text
    assert path in answer.json()["fields"], answer.text
    assert (await api.get("/v1/products")).json()["items"] == []


async def test_a_key_that_stands_twice_is_refused_with_both_places(api: httpx.AsyncClient) -> None:
    catalog = room()
    catalog["products"].append(catalog["products"][0] | {"key": "other", "name": "Other"})
    answer = await api.put("/v1/catalog", json=catalog)
    assert (answer.status_code, answer.json()["code"]) == (400, "catalog_invalid")
    assert "products[0].prices[0].key" in answer.json()["fields"]["products[1].prices[0].key"]


async def test_a_price_is_found_by_id_and_by_key_and_an_unknown_one_is_named(api: httpx.AsyncClient) -> None:
    await applied(api, room())
    by_key = (await api.get("/v1/prices/room-monthly")).json()
    assert (await api.get(f"/v1/prices/{by_key['id']}")).json() == by_key
    for path in ("/v1/prices/nothing", "/v1/prices/price_1", "/v1/products/nothing", "/v1/products/prod_1"):
        answer = await api.get(path)
        assert answer.status_code == 404, answer.text
        assert path.rpartition("/")[2] in answer.json()["detail"]


async def test_prices_of_one_product_are_listed(api: httpx.AsyncClient) -> None:
    catalog = room()
    prices = [{"key": "b-annual", "amount": {"amount": 5, "currency": "EUR"}, "interval": "year"}]
    catalog["products"].append({"key": "b", "name": "B", "kind": "alerts", "prices": prices})
    await applied(api, catalog)
    found = (await api.get("/v1/prices", params={"product": "b"})).json()["items"]
    assert [price["key"] for price in found] == ["b-annual"]
    assert (await api.get("/v1/prices", params={"product": "c"})).status_code == 404


async def test_every_change_is_an_event_of_its_own_and_one_audit_row(api: httpx.AsyncClient) -> None:
    await applied(api, room(), reason="spring prices")
    await applied(api, room(20700))
    types = [event["type"] for event in (await api.get("/v1/events")).json()["items"]]
    assert sorted(types) == ["price.archived", "price.created", "price.created", "product.created"]
    rows = (await api.get("/v1/audit")).json()["items"]
    assert [row["operation"] for row in rows] == ["catalog.apply"] * 2
    assert [row["reason"] for row in rows] == ["", "spring prices"]


def test_the_application_cannot_rewrite_what_a_member_bought(database: Cloned) -> None:
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        for column in ("amount", "currency", "interval", "interval_count", "key", "product_id", "id"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"UPDATE prices SET {column} = {column}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM prices")


async def test_a_catalog_with_too_many_prices_for_one_transaction_is_refused(api: httpx.AsyncClient) -> None:
    price = room()["products"][0]["prices"][0]
    products = [
        {"key": f"p{n}", "name": "P", "kind": "room", "prices": [price | {"key": f"p{n}-{m}"} for m in range(50)]}
        for n in range(41)
    ]
    answer = await api.put("/v1/catalog", json={"products": products})
    assert (answer.status_code, answer.json()["code"]) == (400, "catalog_invalid")
    assert "2,050 prices, and 2,000" in answer.json()["detail"]


async def test_prices_are_listed_by_key_without_gap_or_repeat(api: httpx.AsyncClient) -> None:
    catalog = room()
    price = catalog["products"][0]["prices"][0]
    catalog["products"][0]["prices"] = [price | {"key": f"room-{n:02}"} for n in range(23)]
    await applied(api, catalog)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.get("/v1/prices", params={"limit": 10, "sort": "-key", "cursor": cursor})).json()
        seen += [one["key"] for one in page["items"]]
        cursor = page["next"]
    assert seen == [f"room-{n:02}" for n in range(22, -1, -1)]


async def test_two_catalogs_at_once_leave_one_price_on_sale(api: httpx.AsyncClient) -> None:
    await applied(api, room(100))
    await asyncio.gather(*(applied(api, room(minor)) for minor in range(101, 109)))
    active = (await api.get("/v1/prices", params={"status": "active"})).json()["items"]
    assert len(active) == 1
    archived = (await api.get("/v1/prices", params={"status": "archived"})).json()["items"]
    assert len(archived) == 8
