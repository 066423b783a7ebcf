"""When a delivery is tried again, and when an endpoint is given up. Pure.

The offsets are those of the example schedule of Standard Webhooks: ten attempts in a little over three days.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

OFFSETS = (0, 5, 305, 2105, 9305, 27305, 63305, 113705, 185705, 272105)
"""Seconds from the first attempt to each, when every one fails at once."""
WAITS = tuple(after - before for before, after in pairwise(OFFSETS))
JITTER = 0.1
"""Each wait is longer by up to a tenth, so that what failed together does not come back together."""
GONE = 410
GIVE_UP_AFTER = timedelta(days=3)
FAILURES = 10
"""An endpoint that took nothing for so long and so many attempts is disabled."""


def wait(tries: int, source: random.Random) -> float | None:
    """Seconds until the next attempt after so many failed ones; None when that was the last."""
    if tries > len(WAITS):
        return None
    planned = WAITS[tries - 1]
    return planned + source.uniform(0, planned * JITTER)


def state_after(tries: int, status: int | None, taken: bool) -> Literal["succeeded", "pending", "failed"]:
    """How a delivery stands after so many attempts, the last of which had this answer."""
    if taken:
        return "succeeded"
    return "failed" if is_gone(status) or tries > len(WAITS) else "pending"


def is_gone(status: int | None) -> bool:
    """Whether an answer says that nothing is ever to be sent there again."""
    return status == GONE


def given_up(failures: int, failing_since: datetime, now: datetime) -> bool:
    """Whether an endpoint has failed for too long."""
    return failures >= FAILURES and now - failing_since >= GIVE_UP_AFTER
