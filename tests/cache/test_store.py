"""What every store promises: one suite, run against the one in memory and against a real Valkey."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from rtp.cache.fakes import MemoryStore
from rtp.cache.ports import Kept, Store
from rtp.cache.valkey import ValkeyStore
from rtp.settings import Settings

TAGS = ("products", "prices")


@pytest.fixture(params=["memory", "valkey"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    made: Any
    if request.param == "memory":
        made = MemoryStore()
    else:
        made = ValkeyStore(request.getfixturevalue("redis_url"), "{rtp:test}")
    yield made
    await made.close()


def entry(generations: str, value: bytes = b'"value"', tags: tuple[str, ...] = TAGS) -> Kept:
    return Kept(value=value, class_="hot", tags=tags, generations=generations)


async def test_what_was_kept_after_a_look_is_found_by_the_next(store: Store) -> None:
    looked = await store.look("k", "hot", TAGS)
    assert looked.value is None
    await store.keep("k", entry(looked.generations), 60)
    assert (await store.look("k", "hot", TAGS)).value == b'"value"'


async def test_a_renewed_tag_hides_what_bears_it_and_nothing_else(store: Store) -> None:
    for key, tags in (("both", TAGS), ("one", ("products",))):
        looked = await store.look(key, "hot", tags)
        await store.keep(key, entry(looked.generations, tags=tags), 60)
    await store.renew(["prices"])
    assert (await store.look("both", "hot", TAGS)).value is None
    assert (await store.look("one", "hot", ("products",))).value == b'"value"'


async def test_a_reader_who_looked_before_the_change_cannot_leave_old_data_behind(store: Store) -> None:
    looked = await store.look("k", "hot", TAGS)
    await store.renew(["prices"])
    await store.keep("k", entry(looked.generations, b'"old"'), 60)
    assert (await store.look("k", "hot", TAGS)).value is None


async def test_a_generation_never_comes_back(store: Store) -> None:
    seen = set()
    for _ in range(50):
        seen.add((await store.look("k", "hot", TAGS)).generations)
        await store.renew(TAGS)
    assert len(seen) == 50


async def test_an_entry_ends_with_its_life(store: Store) -> None:
    looked = await store.look("k", "hot", TAGS)
    await store.keep("k", entry(looked.generations), 0.05)
    while (await store.look("k", "hot", TAGS)).value is not None:
        pass
    assert await store.find("k") is None
    assert (await store.counts())["hot"].keys == 0


async def test_hits_and_misses_are_counted_by_class_and_uncounted_looks_are_not(store: Store) -> None:
    looked = await store.look("k", "hot", TAGS)
    await store.keep("k", entry(looked.generations), 60)
    await store.look("k", "hot", TAGS)
    await store.look("k", "hot", TAGS)
    await store.look("other", "cold", TAGS)
    await store.look("k", None, TAGS)
    await store.count_errors("warm", 3)
    counts = await store.counts()
    assert (counts["hot"].hits, counts["hot"].misses, counts["hot"].keys) == (2, 1, 1)
    assert (counts["cold"].hits, counts["cold"].misses) == (0, 1)
    assert counts["warm"].errors == 3


async def test_a_found_entry_says_whether_it_is_current(store: Store) -> None:
    looked = await store.look("k", "hot", TAGS)
    await store.keep("k", entry(looked.generations), 60)
    found = await store.find("k")
    assert found is not None
    assert found.current
    assert found.entry == entry(looked.generations)
    assert 0 < found.seconds_left <= 60
    await store.renew(["products"])
    found = await store.find("k")
    assert found is not None
    assert not found.current


async def test_the_keys_that_bear_a_tag_are_the_current_ones(store: Store) -> None:
    for key, tags in (("b", TAGS), ("a", TAGS), ("c", ("products",))):
        looked = await store.look(key, "hot", tags)
        await store.keep(key, entry(looked.generations, tags=tags), 60)
    assert await store.bearing("prices") == ["a", "b"]
    await store.renew(["prices"])
    assert await store.bearing("prices") == []
    assert await store.bearing("products") == ["c"]


async def test_losing_everything_only_makes_misses(redis_url: str) -> None:
    import redis

    store = ValkeyStore(redis_url, "{rtp:test}")
    looked = await store.look("k", "hot", TAGS)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    await store.keep("k", entry(looked.generations, b'"old"'), 60)
    assert (await store.look("k", "hot", TAGS)).value is None
    await store.close()


async def test_two_databases_on_one_server_never_share_an_entry() -> None:
    from rtp.cache.valkey import namespace

    one = namespace(Settings(database_url="postgresql://a:secret@host/one"))
    assert one != namespace(Settings(database_url="postgresql://a:secret@host/two"))
    assert one == namespace(Settings(database_url="postgresql://b:other@host/one"))
    assert "secret" not in one
