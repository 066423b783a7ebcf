"""A store in this process's memory: what the port promises, without a server."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence

from rtp.cache.errors import CacheUnavailable
from rtp.cache.ports import Counts, Found, Kept, Looked
from rtp.cache.schemas import CacheClass


class MemoryStore:
    """Keeps entries in a dictionary; set `away` to make it unreachable."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.away = False
        self.asked = 0
        self._monotonic = monotonic
        self._entries: dict[str, tuple[Kept, float]] = {}
        self._generations: dict[str, str] = {}
        self._counts: Counter[tuple[CacheClass, str]] = Counter()

    async def look(self, key: str, class_: CacheClass | None, tags: Sequence[str]) -> Looked:
        """Read an entry and the generations of its tags."""
        self._reach()
        now = ",".join(self._generations.setdefault(tag, secrets.token_hex(8)) for tag in tags)
        entry = self._alive(key)
        hit = entry is not None and entry.generations == now
        if class_ is not None:
            self._counts[class_, "hits" if hit else "misses"] += 1
        return Looked(now, entry.value if entry is not None and hit else None)

    async def keep(self, key: str, entry: Kept, seconds: float) -> None:
        """Store an entry."""
        self._reach()
        self._entries[key] = (entry, self._monotonic() + seconds)

    async def renew(self, tags: Sequence[str]) -> None:
        """Give tags another generation."""
        self._reach()
        self._generations |= {tag: secrets.token_hex(8) for tag in tags if tag in self._generations}

    async def find(self, key: str) -> Found | None:
        """An entry, without counting."""
        self._reach()
        entry = self._alive(key)
        if entry is None:
            return None
        return Found(entry=entry, seconds_left=self._entries[key][1] - self._monotonic(), current=self._current(entry))

    async def bearing(self, tag: str) -> list[str]:
        """The keys of current entries that bear a tag."""
        self._reach()
        alive = [(key, self._alive(key)) for key in sorted(self._entries)]
        return [key for key, entry in alive if entry is not None and tag in entry.tags and self._current(entry)]

    async def counts(self) -> dict[CacheClass, Counts]:
        """The counts of each class."""
        self._reach()
        keys = Counter(entry.class_ for entry in (self._alive(key) for key in self._entries) if entry is not None)
        classes: tuple[CacheClass, ...] = ("hot", "warm", "cold")
        return {
            one: Counts(**{what: self._counts[one, what] for what in ("hits", "misses", "errors")}, keys=keys[one])
            for one in classes
        }

    async def count_errors(self, class_: CacheClass, number: int) -> None:
        """Add failures that happened while the store was away."""
        self._reach()
        self._counts[class_, "errors"] += number

    async def close(self) -> None:
        """Nothing is open."""

    def _reach(self) -> None:
        self.asked += 1
        if self.away:
            raise CacheUnavailable(why="it was told to be away")

    def _alive(self, key: str) -> Kept | None:
        entry, until = self._entries.get(key, (None, 0.0))
        return entry if until > self._monotonic() else None

    def _current(self, entry: Kept) -> bool:
        return entry.generations == ",".join(self._generations.get(tag, "") for tag in entry.tags)
