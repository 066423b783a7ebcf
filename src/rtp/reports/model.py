"""What a report says, whatever its format."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Outcome = Literal["held", "failed", "unknown"]


class Section(msgspec.Struct, kw_only=True):
    """Facts under a heading, in their order."""

    title: str
    facts: dict[str, Any]


class Table(msgspec.Struct, kw_only=True):
    """Rows under a heading; every row has as many cells as there are columns."""

    title: str
    columns: list[str]
    rows: list[list[Any]]


class Moment(msgspec.Struct, kw_only=True):
    """Something that happened at an instant; `seconds` counts from the beginning of what is reported."""

    at: str
    what: str
    seconds: float = 0.0
    outcome: Outcome = "held"


class Check(msgspec.Struct, kw_only=True):
    """One judged claim; it is a test case in JUnit's format, where `unknown` is a skipped one."""

    name: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0


class Report(msgspec.Struct, kw_only=True):
    """A judged run: `held` says whether the verdict is good, `verdict` says it in words."""

    title: str
    verdict: str
    held: bool
    at: str
    summary: str = ""
    checks: list[Check] = []
    sections: list[Section] = []
    tables: list[Table] = []
    timeline: list[Moment] = []
