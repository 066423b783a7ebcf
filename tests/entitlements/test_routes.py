"""Who may use what, through the real application, with the cache in front."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rtp.testing import asgi
from rtp.testing import relay as testing_relay
from rtp_server import work
from rtp_server.state import State

PRICE = {"key": "room-monthly", "amount": {"amount": 19700, "currency": "USD"}, "interval": "month", "trial_days": 7}
CATALOG = {
    "products": [
        {"key": "room", "name": "Room", "kind": "room", "prices": [PRICE]},
        {"key": "alerts", "name": "Alerts", "kind": "alerts", "prices": [PRICE | {"key": "alerts-monthly"}]},
    ]
}


@pytest.fixture
async def held(api: httpx.AsyncClient) -> dict[str, Any]:
    """A member's trial of the room."""
    await api.put("/v1/catalog", json=CATALOG)
    await api.post("/v1/users", json={"email": "ada@example.com", "name": "Ada"})
    body = {"user": "ada@example.com", "price": "room-monthly", "card": "visa"}
    answer = await api.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def check(api: httpx.AsyncClient, user: str, product: str = "room") -> dict[str, Any]:
    answer = await api.get(f"/v1/users/{user}/entitlements/{product}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def relayed(app: Any) -> None:
    """Give the cache what happened, as the worker's relay does."""
    state: State = app.state
    await testing_relay.once(state.frames, [one for one in work.consumers(state.services()) if one.name == "cache"])


async def test_only_the_product_of_the_subscription_is_open(api: httpx.AsyncClient, held: dict[str, Any]) -> None:
    found = await check(api, "ada@example.com")
    assert (found["open"], found["why"], found["user_id"]) == (True, "trial", held["user_id"])
    other = await check(api, held["user_id"], "alerts")
    assert (other["open"], other["why"], other["entitlement_id"]) == (False, "none", None)


async def test_a_list_names_the_subscription_behind_each_entitlement(
    api: httpx.AsyncClient, held: dict[str, Any]
) -> None:
    listed = (await api.get("/v1/entitlements", params={"user": "ada@example.com"})).json()["items"]
    assert [(one["product"], one["open"], one["source_id"]) for one in listed] == [("room", True, held["id"])]
    assert (await api.get(f"/v1/entitlements/{listed[0]['id']}")).json() == listed[0]
    for query, number in (({"open": True}, 1), ({"open": False}, 0), ({"product": "alerts"}, 0)):
        assert len((await api.get("/v1/entitlements", params=query)).json()["items"]) == number


async def test_a_suspended_member_may_use_nothing_and_gets_it_back_when_restored(
    app: asgi.App, api: httpx.AsyncClient, held: dict[str, Any]
) -> None:
    user = held["user_id"]
    assert (await check(api, user))["open"]
    await api.post(f"/v1/users/{user}/suspend")
    await relayed(app)
    found = await check(api, user)
    assert (found["open"], found["why"]) == (False, "user_suspended")
    await api.post(f"/v1/users/{user}/restore")
    await relayed(app)
    assert (await check(api, user))["open"]


async def test_a_cancellation_reaches_the_cached_decision_by_its_event(
    app: asgi.App, api: httpx.AsyncClient, held: dict[str, Any]
) -> None:
    user = held["user_id"]
    await relayed(app)
    assert (await check(api, user))["open"]
    entry = (await api.get(f"/v1/cache/entries/entitlements.check:{user}:room")).json()
    assert (entry["class"], entry["tags"]) == ("hot", [f"entitlements:{user}"])
    await api.post(f"/v1/subscriptions/{held['id']}/cancel", json={"now": True})
    await relayed(app)
    found = await check(api, user)
    assert (found["open"], found["why"]) == (False, "canceled")


async def test_unknown_members_and_products_are_not_found(api: httpx.AsyncClient, held: dict[str, Any]) -> None:
    for path, code in (
        ("/v1/users/nobody@example.com/entitlements/room", "user_not_found"),
        (f"/v1/users/{held['user_id']}/entitlements/nothing", "product_not_found"),
        ("/v1/entitlements/ent_nonsense", "entitlement_not_found"),
    ):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
