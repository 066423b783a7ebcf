"""Counts over the last seconds, in buckets that begin when the counting began."""

from __future__ import annotations

from collections import Counter


class RollingCounts:
    """A window of `seconds` in `buckets`; what is older than the window leaves it a whole bucket at a time.

    Every instant is given, in seconds of a monotonic clock, and none lies before the one given last.
    """

    def __init__(self, born: float, *, seconds: float = 10.0, buckets: int = 10) -> None:
        self._born = born
        self._width = seconds / buckets
        self._buckets: list[Counter[str]] = [Counter() for _ in range(buckets)]
        self._newest = 0

    def add(self, name: str, now: float) -> None:
        """Count one."""
        self._turn(now)
        self._buckets[self._newest % len(self._buckets)][name] += 1

    def total(self, name: str, now: float) -> int:
        """How often it was counted in the window."""
        self._turn(now)
        return sum(bucket[name] for bucket in self._buckets)

    def _turn(self, now: float) -> None:
        """Empty the buckets whose time has come again."""
        current = int((now - self._born) / self._width)
        for number in range(max(self._newest, current - len(self._buckets)) + 1, current + 1):
            self._buckets[number % len(self._buckets)] = Counter()
        self._newest = max(self._newest, current)
