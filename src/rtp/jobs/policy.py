"""Backoff between attempts of a job. Pure.

n = 1 for the first retry; fixed: d = delay; exponential: d = min(cap, delay x 2^(n-1)); the wait is d/2 + U(0, d/2), so
that jobs which failed together do not come back together.
"""

from __future__ import annotations

import random
from typing import Literal

from msgspec import Struct

HOUR = 3600.0


class Backoff(Struct, frozen=True, kw_only=True):
    """How often and after how long a failed job is tried again; delays in seconds."""

    kind: Literal["fixed", "exponential"] = "exponential"
    delay: float = 1.0
    retries: int = 10
    cap: float = HOUR

    def base(self, retry: int) -> float:
        """The delay before retry `retry` (1, 2, …) without jitter."""
        if self.kind == "fixed":
            return min(self.cap, self.delay)
        doublings = min(retry - 1, 64)
        return min(self.cap, self.delay * 2.0**doublings)

    def wait(self, retry: int, source: random.Random, *, at_least: float = 0.0) -> float:
        """The delay before retry `retry`, with jitter; the peer's own Retry-After wins if longer, up to the cap."""
        base = self.base(retry)
        wait = base / 2 + source.uniform(0, base / 2)
        return max(wait, min(self.cap, spread(at_least, source)))


def spread(seconds: float, source: random.Random) -> float:
    """A wait that is told to many, each of whom then waits up to half as long again."""
    return seconds * source.uniform(1.0, 1.5)
