"""The support page: which services are open to a member, why, and what is charged next."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

PRICE = {"amount": {"amount": 9700, "currency": "USD"}, "interval": "month"}
CATALOG = {
    "products": [
        {"key": "room", "name": "Room", "kind": "room", "prices": [PRICE | {"key": "room-monthly", "trial_days": 7}]},
        {"key": "alerts", "name": "Alerts", "kind": "alerts", "prices": [PRICE | {"key": "alerts-monthly"}]},
    ]
}


@pytest.fixture
async def shop(api: httpx.AsyncClient) -> httpx.AsyncClient:
    await api.put("/v1/catalog", json=CATALOG)
    for name in ("ada", "bob"):
        await api.post("/v1/users", json={"email": f"{name}@example.com", "name": name})
    return api


async def subscribe(api: httpx.AsyncClient, price: str) -> dict[str, Any]:
    body = {"user": "ada@example.com", "price": price, "card": "visa"}
    answer = await api.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": price})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def services(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await api.get("/v1/users/ada@example.com")).json()["services"])


async def test_the_support_page_tells_of_each_service_why_it_is_open_and_what_is_charged_next(
    shop: httpx.AsyncClient,
) -> None:
    room, alerts = await subscribe(shop, "room-monthly"), await subscribe(shop, "alerts-monthly")
    shown = await services(shop)
    assert [(one["product"], one["open"], one["why"]) for one in shown] == [
        ("room", True, "trial"),
        ("alerts", False, "first_payment_open"),
    ]
    assert [one["subscription_id"] for one in shown] == [room["id"], alerts["id"]]
    assert (shown[0]["next_charge_at"], shown[0]["next_charge"]) == (room["trial_end"], room["amount"])
    assert (shown[1]["next_charge_at"], shown[1]["next_charge"]) == (None, None)


async def test_nothing_is_charged_next_after_a_cancellation_for_the_periods_end(shop: httpx.AsyncClient) -> None:
    room = await subscribe(shop, "room-monthly")
    await shop.post(f"/v1/subscriptions/{room['id']}/cancel", json={})
    (shown,) = await services(shop)
    assert (shown["open"], shown["why"], shown["until"], shown["next_charge_at"]) == (
        True, "ending", room["period_end"], None,
    )  # fmt: skip


async def test_a_suspended_members_services_are_shown_closed(shop: httpx.AsyncClient) -> None:
    await subscribe(shop, "room-monthly")
    await shop.post("/v1/users/ada@example.com/suspend")
    (shown,) = await services(shop)
    assert (shown["open"], shown["why"], shown["status"]) == (False, "user_suspended", "trialing")


async def test_members_are_found_by_the_price_that_they_are_subscribed_at(shop: httpx.AsyncClient) -> None:
    held = await subscribe(shop, "room-monthly")
    found = (await shop.get("/v1/users", params={"price": "room-monthly"})).json()["items"]
    assert [user["email"] for user in found] == ["ada@example.com"]
    assert (await shop.get("/v1/users", params={"price": "alerts-monthly"})).json()["items"] == []
    await shop.post(f"/v1/subscriptions/{held['id']}/cancel", json={"now": True})
    assert (await shop.get("/v1/users", params={"price": "room-monthly"})).json()["items"] == []
