"""What a report covers and how many it draws. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil

from rtp.errors import InvalidInput

LOOK_BACK = timedelta(days=365)
"""How long before the end of a month an approval still makes a pair mutual: else two would take turns by the month."""

MOST = 5_000
"""Refunds that are drawn at most: nobody looks at more, and an API process answers nothing else meanwhile."""


def span(month: str) -> tuple[datetime, datetime]:
    """The first instant of a month and of the next one, in UTC."""
    year, number = (int(part) for part in month.split("-"))
    start = datetime(year, number, 1, tzinfo=UTC)
    return start, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def size(count: int, share: str) -> int:
    """How many of so many a share in percent is, rounded up.

    Raises: InvalidInput for a share that is nothing, more than everything, or more than anybody looks at.
    """
    part = Fraction(share)
    if not 0 < part <= 100:
        raise InvalidInput(what=f"a share of {share}% is not between 0 and 100", fields={"share": "above 0, up to 100"})
    found = ceil(count * part / 100)
    if found > MOST:
        what = f"{share}% of {count:,} refunds are {found:,}, and at most {MOST:,} are drawn"
        raise InvalidInput(what=what, fields={"share": "draw fewer"})
    return found
