"""A retry budget: so that a client which repeats what failed does not multiply the load of a peer in trouble."""

from __future__ import annotations

import time
from collections.abc import Callable

from rtp.kit.rolling import RollingCounts

SHARE = 0.1
SECONDS = 10.0


class RetryBudget:
    """Retries are at most `share` of the calls of the last seconds; who finds none left fails at once."""

    def __init__(
        self, *, share: float = SHARE, seconds: float = SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.share = share
        self._monotonic = monotonic
        self._counts = RollingCounts(monotonic(), seconds=seconds)

    def call(self) -> None:
        """Count a call that is no retry."""
        self._counts.add("calls", self._monotonic())

    def take(self) -> bool:
        """Whether one more retry is within the budget; if so, it is counted."""
        now = self._monotonic()
        if self._counts.total("retries", now) + 1 > self.share * self._counts.total("calls", now):
            return False
        self._counts.add("retries", now)
        return True
