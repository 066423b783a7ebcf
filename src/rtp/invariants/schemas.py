"""What crosses the API about the invariants of money, and the operation on them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from rtp.operations import read

State = Literal["ok", "warning", "failed"]


class Finding(Struct, kw_only=True):
    """One rule: how many break it, some of them by id, and the command that shows or mends them.

    A warning means that the rule could not be judged.
    """

    name: str
    state: State
    count: int
    detail: str
    examples: list[str]
    fix: str


class MoneyReport(Struct, kw_only=True):
    """Every rule, looked at now: failed when one is broken, else a warning when one could not be judged."""

    state: State
    at: datetime
    checks: list[Finding]


class LastReport(Struct, kw_only=True):
    """What the job found when it last looked; `at` is null before its first time."""

    at: datetime | None
    broken: list[str]
    unjudged: list[str]


MONEY = read("doctor.money", "/doctor/money", MoneyReport)
