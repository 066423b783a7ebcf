"""What crosses the API about the cache, and the operations on it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from rtp.operations import Operation, read, write

CacheClass = Literal["hot", "warm", "cold"]
MAX_WARM = 100
"""Keys that one request warms at most: it holds a transaction open meanwhile."""


class ClassStats(Struct, kw_only=True):
    """Counts of one class over all processes; `seconds` is how long an entry lives, `hit_rate` null before any read."""

    name: CacheClass
    seconds: int
    keys: int
    hits: int
    misses: int
    errors: int
    hit_rate: float | None


class CacheStats(Struct, kw_only=True):
    """The cache as a whole; `state` is off when the server has none."""

    state: Literal["ok", "off"]
    classes: list[ClassStats]


class CacheEntry(Struct, kw_only=True):
    """One entry: `current` is false once a tag was dropped, and then nobody reads it any more."""

    key: str
    class_: CacheClass = field(name="class")
    tags: list[str]
    current: bool
    seconds_left: float
    bytes: int
    value: Any


class Purged(Struct, kw_only=True):
    """A dropped tag, and the keys that nobody reads any more."""

    tag: str
    keys: list[str]


class Warm(Struct, kw_only=True, forbid_unknown_fields=True):
    """What to warm: one class or all, the next `limit` keys after a key."""

    class_: CacheClass | None = field(name="class", default=None)
    after: Annotated[str, Meta(max_length=300)] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_WARM)] = 50


class Warmed(Struct, kw_only=True):
    """How many keys this request made warm, and how many are left after `next`."""

    done: int
    left: int
    next: str | None = None


STATS = read("cache.stats", "/cache/stats", CacheStats)
SHOW = read("cache.show", "/cache/entries/{key}", CacheEntry)
PURGE: Operation[None, Purged] = write("cache.purge", "POST", "/cache/tags/{tag}/purge", Purged)
WARM = write("cache.warm", "POST", "/cache/warm", Warmed, body=Warm)
