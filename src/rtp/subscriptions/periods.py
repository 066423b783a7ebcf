"""Where periods end, in closed form from the anchor. No I/O.

The n-th boundary is always computed from the anchor, never from the boundary before it, so that a short month leaves no
trace: 31 January, 29 February, 31 March. Boundaries are local dates with the local time of day of the member's zone; a
local time that a clock change skips moves forward by the gap, one that occurs twice is the first (as `java.time` and
RFC 5545 §3.3.5 have it). Periods are half-open: [boundary n, boundary n + 1).
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Unit = Literal["day", "week", "month", "quarter", "year"]
_DAYS: dict[Unit, int] = {"day": 1, "week": 7}
_MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}


def boundary(anchor: datetime, zone: str, unit: Unit, count: int, number: int) -> datetime:
    """The `number`-th boundary, `count` units apart; number 0 is the anchor itself. In UTC."""
    if number == 0:
        return anchor.astimezone(UTC)
    local = anchor.astimezone(ZoneInfo(zone)).replace(fold=0)
    if unit in _DAYS:
        return (local + timedelta(days=_DAYS[unit] * count * number)).astimezone(UTC)
    months = local.year * 12 + local.month - 1 + _MONTHS[unit] * count * number
    year, month = divmod(months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(UTC)


def number_after(anchor: datetime, zone: str, unit: Unit, count: int, instant: datetime) -> int:
    """The number of the first boundary later than an instant that is not before the anchor."""
    longest = timedelta(days=(_DAYS.get(unit) or _MONTHS[unit] * 31) * count + 1)
    number = max(0, (instant - anchor) // longest - 1)
    while boundary(anchor, zone, unit, count, number) <= instant:
        number += 1
    return number


def anchor_day(anchor: datetime, zone: str) -> int:
    """The day of the month that an anchor falls on for the member."""
    return anchor.astimezone(ZoneInfo(zone)).day
