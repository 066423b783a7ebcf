"""Entitlements in the cache: warmed one by one, and dropped however the member's id was spelt."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rtp.testing import asgi
from rtp_server import work

PRICE = {"key": "room-monthly", "amount": {"amount": 100, "currency": "USD"}, "interval": "month", "trial_days": 7}
CATALOG = {"products": [{"key": "room", "name": "Room", "kind": "room", "prices": [PRICE]}]}


@pytest.fixture
async def members(api: httpx.AsyncClient) -> list[str]:
    """Three members with a trial each."""
    await api.put("/v1/catalog", json=CATALOG)
    found = []
    for number in range(3):
        user = await api.post("/v1/users", json={"email": f"m{number}@example.com", "name": "M"})
        body = {"user": user.json()["id"], "price": "room-monthly", "card": "visa"}
        answer = await api.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": f"k{number}"})
        assert answer.status_code == 201, answer.text
        found.append(user.json()["id"])
    return found


async def test_warming_in_steps_reaches_every_entitlement_once(api: httpx.AsyncClient, members: list[str]) -> None:
    after: str | None = ""
    steps: list[tuple[int, int]] = []
    while after is not None:
        done = (await api.post("/v1/cache/warm", json={"limit": 2, "after": after})).json()
        steps.append((done["done"], done["left"]))
        after = done["next"]
    assert steps == [(2, 3), (2, 1), (1, 0)]
    for member in members:
        assert (await api.get(f"/v1/users/{member}/entitlements/room")).json()["open"]
    hot, *_ = (await api.get("/v1/cache/stats")).json()["classes"]
    assert (hot["hits"], hot["misses"], hot["keys"]) == (3, 0, 4)


async def test_a_decision_read_by_an_id_in_small_letters_is_dropped_like_any_other(
    app: asgi.App, api: httpx.AsyncClient, members: list[str], drain: Any
) -> None:
    small = members[0].lower()
    assert (await api.get(f"/v1/users/{small}/entitlements/room")).json()["open"]
    await api.post(f"/v1/users/{members[0]}/suspend")
    made: Any = app
    consumers = [one for one in work.consumers(made.state.services()) if one.name == "cache"]
    await drain(made.state.frames, consumers)
    assert not (await api.get(f"/v1/users/{small}/entitlements/room")).json()["open"]
