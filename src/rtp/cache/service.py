"""Reading through the cache, dropping what changed, and looking into it.

`cached` is what an area puts in front of its reads; the tags it names are dropped by the events of `policy.DROPS`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from rtp.cache import policy
from rtp.cache.errors import CacheKeyNotFound, CacheOff, CacheTagNotFound, CacheUnavailable
from rtp.cache.ports import Kept, Looked, Store
from rtp.cache.schemas import CacheClass, CacheEntry, CacheStats, ClassStats, Purged
from rtp.db.frame import Frame
from rtp.events.schemas import Event

T = TypeVar("T")
PAUSE_SECONDS = 1.0
"""How long a store that did not answer is left alone, so that not every request waits for it."""


class Warmer(NamedTuple):
    """One key that a warm cache holds: reading it through `load` makes it so; `place` orders an area's warmers."""

    key: str
    place: str
    load: Callable[[], Awaitable[Any]]


class Cache:
    """The cache of one process: at most one load per key at a time, and never worse than no cache at all."""

    def __init__(self, store: Store, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self._monotonic = monotonic
        self.warmers: Sequence[tuple[str, Callable[..., Awaitable[tuple[list[Warmer], int]]]]] = ()
        """Sources of keys to warm that plugins add."""
        self._random = random.SystemRandom()
        self._flights: dict[tuple[str, str], asyncio.Future[bytes | None]] = {}
        self._failed = False
        self._rests_until = 0.0
        self._missed: Counter[CacheClass] = Counter()

    async def get(
        self, key: str, kind: type[T], class_: CacheClass, tags: Sequence[str], load: Callable[[], Awaitable[T]]
    ) -> T:
        """The cached value, or what `load` reads, which is then kept."""
        looked = await self._looked(key, class_, tags)
        if looked is None:
            return await load()
        if looked.value is not None and (value := _decoded(looked.value, kind)) is not None:
            return value
        # The generations are part of the flight: who saw a newer one does not board a load that began before it.
        flight = (key, looked.generations)
        if (running := self._flights.get(flight)) is not None:
            shared = await asyncio.shield(running)
            return msgspec.json.decode(shared, type=kind) if shared is not None else await load()
        return await self._load(flight, class_, tags, load)

    async def refresh(self, key: str, class_: CacheClass, tags: Sequence[str], load: Callable[[], Awaitable[T]]) -> T:
        """Read the value anew and keep it, whatever is there; counts as neither hit nor miss.

        Raises: CacheUnavailable.
        """
        looked = await self.store.look(key, None, tags)
        value = await load()
        await self._keep(key, msgspec.json.encode(value), class_, tags, looked.generations)
        return value

    async def drop(self, tags: Sequence[str]) -> None:
        """Make sure that nothing that bears these tags is read again.

        Raises: CacheUnavailable.
        """
        await self.store.renew(tags)

    async def ping(self) -> None:
        """Find out whether the store answers, pause or not.

        Raises: CacheUnavailable.
        """
        await self.store.counts()

    async def close(self) -> None:
        """Close the store."""
        await self.store.close()

    async def _load(
        self, flight: tuple[str, str], class_: CacheClass, tags: Sequence[str], load: Callable[[], Awaitable[T]]
    ) -> T:
        key, generations = flight
        landed: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._flights[flight] = landed
        data: bytes | None = None
        try:
            value = await load()
            data = msgspec.json.encode(value)
        finally:
            # A load that failed or was cancelled fails alone: who waited for it loads by itself.
            del self._flights[flight]
            landed.set_result(data)
        encoded = data
        await self._reached(class_, lambda: self._keep(key, encoded, class_, tags, generations))
        return value

    async def _keep(self, key: str, data: bytes, class_: CacheClass, tags: Sequence[str], generations: str) -> None:
        if len(data) <= policy.MAX_BYTES:
            entry = Kept(value=data, class_=class_, tags=tuple(tags), generations=generations)
            await self.store.keep(key, entry, policy.lifetime(class_, self._random))

    async def _looked(self, key: str, class_: CacheClass, tags: Sequence[str]) -> Looked | None:
        looked = await self._reached(class_, lambda: self.store.look(key, class_, tags))
        if looked is not None and self._missed:
            for missed, number in list(self._missed.items()):
                del self._missed[missed]
                await self._reached(missed, _counting(self.store, missed, number))
        return looked

    async def _reached(self, class_: CacheClass, act: Callable[[], Awaitable[T]]) -> T | None:
        """What the store answers, or None while it is away: after each pause one caller looks, the others do not."""
        now = self._monotonic()
        if now < self._rests_until:
            self._missed[class_] += 1
            return None
        if self._failed:
            self._rests_until = now + PAUSE_SECONDS
        try:
            result = await act()
        except CacheUnavailable:
            self._missed[class_] += 1
            self._failed, self._rests_until = True, self._monotonic() + PAUSE_SECONDS
            return None
        self._failed, self._rests_until = False, 0.0
        return result


async def cached(
    frame: Frame,
    key: str,
    kind: type[T],
    class_: CacheClass,
    tags: Sequence[str],
    load: Callable[[], Awaitable[T]],
) -> T:
    """Read through the cache; a frame that writes reads the database, and so its own changes."""
    if frame.cache is None or frame.caching == "off":
        return await load()
    if frame.caching == "refresh":
        return await frame.cache.refresh(key, class_, tags, load)
    return await frame.cache.get(key, kind, class_, tags, load)


async def invalidate(cache: Cache, events: Sequence[Event]) -> None:
    """Drop what these events changed; the relay repeats them until this succeeds.

    Raises: CacheUnavailable.
    """
    if tags := policy.dropped(events):
        await cache.drop(tags)


async def state(frame: Frame) -> Literal["ok", "away", "off"]:
    """Whether the server has a cache, and whether it answers."""
    if frame.cache is None:
        return "off"
    try:
        await frame.cache.ping()
    except CacheUnavailable:
        return "away"
    return "ok"


async def stats(frame: Frame) -> CacheStats:
    """Hits, misses, errors and keys of each class, over all processes.

    Raises: CacheUnavailable.
    """
    if frame.cache is None:
        return CacheStats(state="off", classes=[])
    classes = []
    for name, counts in (await frame.cache.store.counts()).items():
        reads = counts.hits + counts.misses + counts.errors
        classes.append(
            ClassStats(
                name=name,
                seconds=policy.SECONDS[name],
                keys=counts.keys,
                hits=counts.hits,
                misses=counts.misses,
                errors=counts.errors,
                hit_rate=round(counts.hits / reads, 4) if reads else None,
            )
        )
    return CacheStats(state="ok", classes=classes)


async def show(frame: Frame, key: str) -> CacheEntry:
    """One entry, whether it is current or not.

    Raises: CacheOff, CacheUnavailable, CacheKeyNotFound.
    """
    found = await _on(frame).store.find(key)
    if found is None:
        raise CacheKeyNotFound(key=key)
    entry = found.entry
    return CacheEntry(
        key=key,
        class_=entry.class_,
        tags=list(entry.tags),
        current=found.current,
        seconds_left=round(found.seconds_left, 3),
        bytes=len(entry.value),
        value=msgspec.json.decode(entry.value),
    )


async def purge(frame: Frame, tag: str) -> Purged:
    """Drop a tag; a dry run only names the keys.

    Raises: CacheOff, CacheUnavailable, CacheTagNotFound.
    """
    cache = _on(frame)
    keys = await cache.store.bearing(tag)
    if not keys and tag not in policy.TAGS:
        raise CacheTagNotFound(key=tag)
    if not frame.dry_run:
        await cache.drop([tag])
    result = Purged(tag=tag, keys=keys)
    frame.record("cache.purged", tag, 0, after=result)
    return result


def _on(frame: Frame) -> Cache:
    if frame.cache is None:
        raise CacheOff()
    return frame.cache


def _decoded(value: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.MsgspecError:
        return None


def _counting(store: Store, class_: CacheClass, number: int) -> Callable[[], Awaitable[None]]:
    return lambda: store.count_errors(class_, number)
