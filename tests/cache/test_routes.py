"""The cache between two API processes on one database and one Valkey, and the operations on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import httpx
import pytest

from rtp.cache import policy
from rtp.cache.errors import CacheUnavailable
from rtp.cache.fakes import MemoryStore
from rtp.cache.ports import Kept
from rtp.cache.service import Cache, invalidate
from rtp.db.frames import Frames
from rtp.events.relay import Consumer
from rtp.events.schemas import Event
from rtp.settings import Settings
from rtp.testing import asgi
from rtp_server import relaying, work
from rtp_server.state import build


def catalog(minor: int) -> dict[str, Any]:
    price = {"key": "room-monthly", "amount": {"amount": minor, "currency": "USD"}, "interval": "month"}
    return {"products": [{"key": "room", "name": "Room", "kind": "room", "prices": [price]}]}


class Relay:
    """The worker's relay, run by hand."""

    def __init__(self, settings: Settings, drain: Any) -> None:
        self.state = build(settings, b"secret")
        self.consumers = work.consumers(self.state.services())
        self.frames: Frames = self.state.frames
        self._drain = drain

    async def drain(self) -> None:
        await self._drain(self.frames, self.consumers)


@pytest.fixture
async def relay(settings: Settings, drain: Any) -> AsyncIterator[Relay]:
    made = Relay(settings, drain)
    yield made
    await made.state.close()


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A second API process on the same database and the same Valkey."""
    from rtp_server.app import create_app

    made: Any = create_app(settings)
    async with asgi.started(made), asgi.client(made, socket=True) as client:
        yield client


async def amount(api: httpx.AsyncClient) -> int:
    answer = await api.get("/v1/prices/room-monthly")
    assert answer.status_code == 200, answer.text
    return int(answer.json()["amount"]["amount"])


async def test_a_second_read_of_another_process_is_a_hit(api: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    await api.put("/v1/catalog", json=catalog(100))
    await amount(api)
    await amount(other)
    stats = (await api.get("/v1/cache/stats")).json()
    hot = next(one for one in stats["classes"] if one["name"] == "hot")
    assert (hot["hits"], hot["misses"], hot["keys"], hot["hit_rate"]) == (1, 1, 1, 0.5)


async def test_after_the_relay_the_other_process_reads_the_new_price_every_time(
    api: httpx.AsyncClient, other: httpx.AsyncClient, relay: Relay
) -> None:
    for minor in range(100, 130):
        await api.put("/v1/catalog", json=catalog(minor))
        await relay.drain()
        assert await amount(other) == minor
        assert await amount(other) == minor
        shown = (await other.get("/v1/products/room")).json()
        assert shown["prices"][0]["amount"]["amount"] == minor


async def test_readers_during_a_change_never_leave_the_old_price_behind(
    api: httpx.AsyncClient, other: httpx.AsyncClient, relay: Relay
) -> None:
    """Both processes read all the while; a store without generations keeps the old price of whoever loaded early."""
    await api.put("/v1/catalog", json=catalog(99))
    reading = True

    async def read(client: httpx.AsyncClient) -> None:
        while reading:
            await amount(client)

    readers = [asyncio.ensure_future(read(client)) for client in (api, other) for _ in range(2)]
    for minor in range(100, 115):
        await api.put("/v1/catalog", json=catalog(minor))
        await relay.drain()
        assert [await amount(api), await amount(other)] == [minor, minor]
    reading = False
    await asyncio.gather(*readers)


@pytest.mark.prove("races", sample=True)
async def test_a_price_changed_in_one_process_is_new_in_the_other_within_a_second_a_thousand_times(
    api: httpx.AsyncClient, other: httpx.AsyncClient, settings: Settings, sampled: bool
) -> None:
    """With the worker's own relay loop; after the new price was seen once, the old one never comes back."""
    state, stop = build(settings, b"secret"), asyncio.Event()
    loop = asyncio.ensure_future(relaying.run(state.frames, work.consumers(state.services()), "tests", stop))
    late = 0
    for minor in range(1000, 1050 if sampled else 2000):
        await amount(other) if minor > 1000 else None
        await api.put("/v1/catalog", json=catalog(minor))
        deadline = time.monotonic() + 1.0
        while (seen := await amount(other)) != minor and time.monotonic() < deadline:
            pass
        late += seen != minor or await amount(other) != minor
    stop.set()
    await loop
    await state.close()
    assert late == 0


async def test_a_write_reads_the_database_and_not_the_cache(api: httpx.AsyncClient) -> None:
    await api.put("/v1/catalog", json=catalog(100))
    await amount(api)
    await api.put("/v1/catalog", json=catalog(200))
    assert await amount(api) == 100  # no relay ran: reads may be old until it does
    assert (await api.put("/v1/catalog", json=catalog(200))).json()["changes"] == []


async def test_warming_makes_every_first_read_a_hit(api: httpx.AsyncClient) -> None:
    await api.put("/v1/catalog", json=catalog(100))
    warmed = await api.post("/v1/cache/warm", json={})
    assert warmed.status_code == 200, warmed.text
    assert warmed.json() == {"done": 2, "left": 0, "next": None}
    await api.get("/v1/products/room")
    await amount(api)
    classes = (await api.get("/v1/cache/stats")).json()["classes"]
    assert [(one["hits"], one["misses"]) for one in classes] == [(1, 0), (1, 0), (0, 0)]


async def test_warming_goes_on_where_it_ended_and_can_be_one_class(api: httpx.AsyncClient) -> None:
    await api.put("/v1/catalog", json=catalog(100))
    first = (await api.post("/v1/cache/warm", json={"limit": 1})).json()
    assert first == {"done": 1, "left": 1, "next": "products|prices.show:room-monthly"}
    second = (await api.post("/v1/cache/warm", json={"limit": 1, "after": first["next"]})).json()
    assert second == {"done": 1, "left": 0, "next": None}
    assert (await api.post("/v1/cache/warm", json={"class": "cold"})).json()["done"] == 0
    for after in ("nowhere|x", "entitlements|x", "products"):
        answer = await api.post("/v1/cache/warm", json={"after": after})
        assert answer.status_code == (200 if after == "products" else 400), answer.text


async def test_warming_again_brings_what_is_new(api: httpx.AsyncClient) -> None:
    await api.put("/v1/catalog", json=catalog(100))
    await api.post("/v1/cache/warm", json={})
    await api.put("/v1/catalog", json=catalog(200))
    await api.post("/v1/cache/warm", json={})
    assert await amount(api) == 200


async def test_a_dry_run_names_the_keys_and_touches_none(api: httpx.AsyncClient) -> None:
    await api.put("/v1/catalog", json=catalog(100))
    plan = (await api.post("/v1/cache/warm", json={}, params={"dry_run": True})).json()
    assert plan["changes"][0]["after"]["keys"] == ["prices.show:room-monthly", "products.show:room"]
    assert (await api.get("/v1/cache/entries/products.show:room")).status_code == 404
    done = await api.post(f"/v1/plans/{plan['id']}/apply")
    assert done.status_code == 200, done.text
    assert (await api.get("/v1/cache/entries/products.show:room")).status_code == 200


async def test_an_entry_is_shown_with_its_tags_and_purging_one_ends_it(api: httpx.AsyncClient) -> None:
    await api.put("/v1/catalog", json=catalog(100))
    await amount(api)
    path = "/v1/cache/entries/prices.show:room-monthly"
    shown = (await api.get(path)).json()
    assert (shown["class"], shown["tags"], shown["current"]) == ("hot", ["products", "prices"], True)
    assert shown["value"]["amount"] == {"amount": 100, "currency": "USD"}
    plan = await api.post("/v1/cache/tags/prices/purge", params={"dry_run": True})
    assert plan.json()["result"]["keys"] == ["prices.show:room-monthly"]
    assert (await api.get(path)).json()["current"] is True
    purged = await api.post("/v1/cache/tags/prices/purge")
    assert purged.json() == {"tag": "prices", "keys": ["prices.show:room-monthly"]}
    assert (await api.get(path)).json()["current"] is False


async def test_an_unknown_key_or_tag_is_named(api: httpx.AsyncClient) -> None:
    missing = await api.get("/v1/cache/entries/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "cache_key_not_found")
    unknown = await api.post("/v1/cache/tags/pricse/purge")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "cache_tag_not_found")
    assert "pricse" in unknown.json()["detail"]


async def test_lists_with_other_filters_are_other_entries(api: httpx.AsyncClient) -> None:
    await api.put("/v1/catalog", json=catalog(100))
    await api.put("/v1/catalog", json=catalog(200))
    for _ in range(2):
        active = (await api.get("/v1/prices", params={"status": "active"})).json()["items"]
        archived = (await api.get("/v1/prices", params={"status": "archived"})).json()["items"]
        assert [one["amount"]["amount"] for one in [*active, *archived]] == [200, 100]
        assert len((await api.get("/v1/prices", params={"limit": 1})).json()["items"]) == 1


async def test_a_cache_that_cannot_be_told_holds_up_no_other_consumer_and_is_told_later(
    api: httpx.AsyncClient, relay: Relay, drain: Any
) -> None:
    """The cursor of the cache stays; what it missed is delivered when it is back."""
    store = MemoryStore()
    cache, other = Cache(store), list[str]()

    async def take(events: Sequence[Event]) -> None:
        other.extend(event.type for event in events)

    consumers = [
        Consumer("cache", policy.wants, outside=partial(invalidate, cache)),
        Consumer("other", policy.wants, outside=take),
    ]
    looked = await store.look("k", "hot", ("prices",))
    await store.keep("k", Kept(value=b"1", class_="hot", tags=("prices",), generations=looked.generations), 60)
    await api.put("/v1/catalog", json=catalog(100))
    store.away = True
    with pytest.raises(CacheUnavailable):
        await drain(relay.frames, consumers)
    assert other == ["product.created", "price.created"]
    store.away = False
    assert (await store.look("k", "hot", ("prices",))).value == b"1"
    await drain(relay.frames, consumers)
    assert (await store.look("k", "hot", ("prices",))).value is None
    assert len(other) == 2
