"""The port to where entries are kept.

A tag has a generation, drawn at random and never twice. An entry remembers the generations that its reader saw
*before* it read the database, and is given out only while they are still the same. So a reader that read before a
commit cannot leave old data behind: the commit's event gave the tag another generation. A lost tag, by eviction or
restart, gets a new generation too: whatever is lost only ever makes a miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from rtp.cache.schemas import CacheClass


class Looked(Struct, frozen=True):
    """What a look found: the generations of the tags now, and the value if it is current."""

    generations: str
    value: bytes | None


class Kept(Struct, frozen=True, kw_only=True):
    """An entry as it is stored."""

    value: bytes
    class_: CacheClass
    tags: tuple[str, ...]
    generations: str


class Found(Struct, frozen=True, kw_only=True):
    """An entry as it is shown, with what is left of its life."""

    entry: Kept
    seconds_left: float
    current: bool


class Counts(Struct, frozen=True, kw_only=True):
    """What was counted for one class, by all processes together."""

    hits: int = 0
    misses: int = 0
    errors: int = 0
    keys: int = 0


class Store(Protocol):
    """Keeps entries. Every method raises CacheUnavailable when the store cannot be reached."""

    async def look(self, key: str, class_: CacheClass | None, tags: Sequence[str]) -> Looked:
        """Read an entry and the generations of its tags, at least one, in one step; counted, if a class is given."""
        ...

    async def keep(self, key: str, entry: Kept, seconds: float) -> None:
        """Store an entry."""
        ...

    async def renew(self, tags: Sequence[str]) -> None:
        """Give tags another generation, so that what bears them is never read again."""
        ...

    async def find(self, key: str) -> Found | None:
        """An entry, without counting."""
        ...

    async def bearing(self, tag: str) -> list[str]:
        """The keys of current entries that bear a tag, in order."""
        ...

    async def counts(self) -> dict[CacheClass, Counts]:
        """The counts of each class."""
        ...

    async def count_errors(self, class_: CacheClass, number: int) -> None:
        """Add failures that happened while the store was away."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
