"""The store in Valkey or Redis, by one script per look: the entry, its tags and the counters in one round trip."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, get_args

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from sqlalchemy import make_url

from rtp import __version__
from rtp.cache.errors import CacheUnavailable
from rtp.cache.ports import Counts, Found, Kept, Looked
from rtp.cache.schemas import CacheClass
from rtp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONNECT_SECONDS = 0.25
ANSWER_SECONDS = 0.5
CLASSES: tuple[CacheClass, ...] = get_args(CacheClass)

_LOOK = """
local generations = redis.call('MGET', unpack(KEYS, 3))
for place, generation in ipairs(generations) do
    if not generation then
        generations[place] = ARGV[2] .. place
        redis.call('SET', KEYS[place + 2], generations[place])
    end
end
local now = table.concat(generations, ',')
local entry = redis.call('HMGET', KEYS[1], 'generations', 'value')
local hit = entry[1] == now
if ARGV[1] ~= '' then redis.call('HINCRBY', KEYS[2], ARGV[1] .. (hit and '.hits' or '.misses'), 1) end
return {now, hit and entry[2]}
"""


def namespace(settings: Settings) -> str:
    """What keeps instances apart that share a server: which database is cached.

    The braces make a cluster keep all of it in one slot, as a script needs.
    """
    database = make_url(settings.database_url)
    place = repr((database.host, database.port, database.database, sorted(database.query.items())))
    return f"{{rtp:{hashlib.sha256(place.encode()).hexdigest()[:12]}}}"


class ValkeyStore:
    """Entries in Valkey under a prefix of their own."""

    def __init__(self, url: str, prefix: str) -> None:
        self.prefix = prefix
        self._redis: Redis = Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 1),  # once: for a connection that a restarted server has closed
        )
        self._look = self._redis.register_script(_LOOK)

    async def look(self, key: str, class_: CacheClass | None, tags: Sequence[str]) -> Looked:
        """Read an entry and the generations of its tags."""
        keys = [self._entry(key), self._counters, *(self._tag(tag) for tag in tags)]
        async with _reaching():
            now, value = await self._look(keys=keys, args=[class_ or "", secrets.token_hex(8)])
        return Looked(now.decode(), value)

    async def keep(self, key: str, entry: Kept, seconds: float) -> None:
        """Store an entry."""
        fields: dict[Any, Any] = {
            "value": entry.value,
            "class": entry.class_,
            "tags": ",".join(entry.tags),
            "generations": entry.generations,
        }
        async with _reaching():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.hset(self._entry(key), mapping=fields)
            pipeline.pexpire(self._entry(key), max(1, int(seconds * 1000)))
            pipeline.zadd(self._index(entry.class_), {key: time.time() + seconds})
            await pipeline.execute()

    async def renew(self, tags: Sequence[str]) -> None:
        """Give tags another generation; a tag that is not there has no current entry."""
        async with _reaching():
            pipeline = self._redis.pipeline(transaction=False)
            for tag in tags:
                pipeline.set(self._tag(tag), secrets.token_hex(8), xx=True)
            await pipeline.execute()

    async def find(self, key: str) -> Found | None:
        """An entry, without counting."""
        async with _reaching():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.hgetall(self._entry(key))
            pipeline.pttl(self._entry(key))
            fields, millis = await pipeline.execute()
        if not fields:
            return None
        entry = _entry_of(fields)
        return Found(entry=entry, seconds_left=max(0, millis) / 1000, current=await self._current(entry))

    async def bearing(self, tag: str) -> list[str]:
        """The keys of current entries that bear a tag."""
        found = []
        for key in await self._keys():
            entry = await self.find(key)
            if entry is not None and entry.current and tag in entry.entry.tags:
                found.append(key)
        return found

    async def counts(self) -> dict[CacheClass, Counts]:
        """The counts of each class; of the index, what has expired is dropped first."""
        async with _reaching():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hgetall(self._counters)
            for class_ in CLASSES:
                pipeline.zremrangebyscore(self._index(class_), 0, time.time())
                pipeline.zcard(self._index(class_))
            counted, *sizes = await pipeline.execute()
        number = {name.decode(): int(value) for name, value in counted.items()}
        return {
            class_: Counts(
                **{what: number.get(f"{class_}.{what}", 0) for what in ("hits", "misses", "errors")},
                keys=sizes[2 * place + 1],
            )
            for place, class_ in enumerate(CLASSES)
        }

    async def count_errors(self, class_: CacheClass, number: int) -> None:
        """Add failures that happened while the store was away."""
        async with _reaching():
            await self._redis.hincrby(self._counters, f"{class_}.errors", number)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _current(self, entry: Kept) -> bool:
        async with _reaching():
            now: Any = await self._redis.mget([self._tag(tag) for tag in entry.tags])
        return entry.generations == ",".join((value or b"").decode() for value in now)

    async def _keys(self) -> list[str]:
        async with _reaching():
            pipeline = self._redis.pipeline(transaction=False)
            for class_ in CLASSES:
                pipeline.zrangebyscore(self._index(class_), time.time(), "+inf")
            found = await pipeline.execute()
        return sorted(key.decode() for keys in found for key in keys)

    @property
    def _counters(self) -> str:
        return f"{self.prefix}:counters"

    def _entry(self, key: str) -> str:
        return f"{self.prefix}:{__version__}:entry:{key}"  # another version reads structs of its own

    def _tag(self, tag: str) -> str:
        return f"{self.prefix}:tag:{tag}"

    def _index(self, class_: CacheClass) -> str:
        return f"{self.prefix}:{__version__}:keys:{class_}"


def _entry_of(fields: dict[bytes, bytes]) -> Kept:
    class_: Any = fields[b"class"].decode()
    return Kept(
        value=fields[b"value"],
        class_=class_,
        tags=tuple(fields[b"tags"].decode().split(",")),
        generations=fields[b"generations"].decode(),
    )


@asynccontextmanager
async def _reaching() -> AsyncIterator[None]:
    """Bounds the wait, and turns every way of not being reached into one error."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS + CONNECT_SECONDS):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise CacheUnavailable(why=str(error) or type(error).__name__) from error
