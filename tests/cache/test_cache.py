"""Reading through the cache: one load at a time, old data never given out, and no worse than none when it is away."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from

from rtp.cache import policy
from rtp.cache.fakes import MemoryStore
from rtp.cache.service import PAUSE_SECONDS, Cache

TAGS = ("prices",)


class Time:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Counts the loads; `gate` holds them back until it is set."""

    def __init__(self, value: str = "new") -> None:
        self.value = value
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    async def load(self) -> str:
        self.loads += 1
        value = self.value
        self.begun.set()
        await self.gate.wait()
        return value


def reading(cache: Cache, source: Source, key: str = "k") -> Any:
    return cache.get(key, str, "hot", TAGS, source.load)


async def test_a_hundred_readers_of_one_key_make_one_load() -> None:
    cache, source = Cache(MemoryStore()), Source()
    source.gate.clear()
    readers = [asyncio.ensure_future(reading(cache, source)) for _ in range(100)]
    await source.begun.wait()
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*readers) == ["new"] * 100
    assert source.loads == 1


async def test_who_comes_after_the_change_does_not_board_a_load_that_began_before_it() -> None:
    cache, source = Cache(MemoryStore()), Source("old")
    source.gate.clear()
    early = asyncio.ensure_future(reading(cache, source))
    await source.begun.wait()
    source.value = "new"
    await cache.drop(TAGS)
    late = asyncio.ensure_future(reading(cache, source))
    source.gate.set()
    assert await late == "new"
    assert await early == "old"
    assert await reading(cache, source) == "new"


async def test_a_load_that_fails_or_is_cancelled_fails_alone() -> None:
    cache, source = Cache(MemoryStore()), Source()
    source.gate.clear()
    leader = asyncio.ensure_future(reading(cache, source))
    await source.begun.wait()
    follower = asyncio.ensure_future(reading(cache, source))
    await asyncio.sleep(0)
    leader.cancel()
    source.gate.set()
    assert await follower == "new"
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_a_cancelled_follower_does_not_take_the_load_with_it() -> None:
    cache, source = Cache(MemoryStore()), Source()
    source.gate.clear()
    leader = asyncio.ensure_future(reading(cache, source))
    await source.begun.wait()
    followers = [asyncio.ensure_future(reading(cache, source)) for _ in range(2)]
    await asyncio.sleep(0)
    followers[0].cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await leader == await followers[1] == "new"
    assert source.loads == 1


async def test_while_the_store_is_away_answers_come_from_the_source_and_few_requests_ask_for_it() -> None:
    time, store, source = Time(), MemoryStore(), Source()
    cache = Cache(store, monotonic=time)
    assert await reading(cache, source) == "new"
    store.away, store.asked = True, 0
    assert [await reading(cache, source) for _ in range(20)] == ["new"] * 20
    assert store.asked == 1
    time.now += PAUSE_SECONDS
    await asyncio.gather(*(reading(cache, source) for _ in range(20)))
    assert store.asked == 2


async def test_the_failures_of_an_outage_are_counted_once_the_store_is_back() -> None:
    time, store, source = Time(), MemoryStore(), Source()
    cache = Cache(store, monotonic=time)
    store.away = True
    for _ in range(7):
        await reading(cache, source)
    store.away = False
    time.now += PAUSE_SECONDS
    await reading(cache, source)
    assert (await store.counts())["hot"].errors == 7
    assert await reading(cache, source) == "new"
    assert (await store.counts())["hot"].hits == 1


async def test_an_entry_of_another_shape_is_read_anew() -> None:
    cache, source = Cache(MemoryStore()), Source()

    async def number() -> int:
        return 5

    assert await cache.get("k", int, "hot", TAGS, number) == 5
    assert await reading(cache, source) == "new"
    assert await reading(cache, source) == "new"
    assert source.loads == 1


async def test_a_value_that_is_too_large_is_answered_and_not_kept() -> None:
    cache, source = Cache(MemoryStore()), Source("x" * (policy.MAX_BYTES + 1))
    assert await reading(cache, source) == await reading(cache, source) == source.value
    assert source.loads == 2


async def test_refreshing_keeps_the_newest_value_and_counts_nothing() -> None:
    store, source = MemoryStore(), Source("old")
    cache = Cache(store)
    await cache.refresh("k", "hot", TAGS, source.load)
    source.value = "new"
    await cache.refresh("k", "hot", TAGS, source.load)
    assert (await store.counts())["hot"].misses == 0
    assert await reading(cache, source) == "new"
    assert source.loads == 2


@given(sampled_from(["hot", "warm", "cold"]), integers())
def test_a_life_is_its_class_give_or_take_a_tenth(class_: Any, seed: int) -> None:
    seconds = policy.lifetime(class_, Random(seed))
    assert 0.9 * policy.SECONDS[class_] <= seconds <= 1.1 * policy.SECONDS[class_]


def test_lives_that_begin_together_do_not_end_together() -> None:
    random = Random(1)
    assert len({policy.lifetime("hot", random) for _ in range(100)}) == 100
