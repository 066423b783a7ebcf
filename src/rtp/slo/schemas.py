"""What crosses the API about service levels, and the operation for it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.text import Short
from rtp.operations import Operation, listing
from rtp.telemetry.schemas import Selection

Verdict = Literal["met", "missed", "unknown"]
Ratio = Annotated[str, Meta(pattern=r"^0(\.\d{1,12})?$")]
"""A target: at least 0 and below 1, as exact decimals."""
Seconds = Annotated[int, Meta(ge=60, le=366 * 86_400)]
Events = Annotated[int, Meta(ge=1, le=1_000_000_000)]
MIN_EVENTS = 100
MAX_TEXT = 100_000


class Objective(Struct, kw_only=True, forbid_unknown_fields=True):
    """One objective: the share of `total` that is also `good` (or, `inverted`, not) is to reach `target`."""

    slo: Short
    objective: Annotated[str, Meta(max_length=200)] = ""
    target: Ratio
    window_seconds: Seconds
    total: Selection
    good: Selection
    inverted: bool = False
    min_events: Events = MIN_EVENTS


class AskReport(Struct, kw_only=True, forbid_unknown_fields=True):
    """Objectives to be judged at one instant; `window_seconds` and `min_events` replace each one's own."""

    objectives: Annotated[list[Objective], Meta(min_length=1, max_length=100)]
    window_seconds: Seconds | None = None
    min_events: Events | None = None


class Exact(Struct, kw_only=True):
    """The figures as fractions, before any rounding; null where nothing can be divided."""

    sli: str | None
    burn: str | None


class Judgement(Struct, kw_only=True):
    """One judged objective: decimals are rounded for reading, `exact` has the fractions they come from.

    `burn` 1 uses up the error budget in exactly one period; `wilson` is the 95 % interval of the SLI. The budget is
    that of the objective's own period, spent and consumed is what the judged window took of it.
    """

    slo: str
    objective: str
    verdict: Verdict
    why: str
    target: str
    sli: str | None
    wilson: list[str]
    total: int
    good: int
    bad: int
    min_events: int
    burn: str | None
    consumed_percent: str | None
    budget_minutes: str
    spent_minutes: str | None
    remaining_minutes: str | None
    window_seconds: int
    period_seconds: int
    since: datetime
    until: datetime
    exact: Exact


class SloReport(Struct, kw_only=True):
    """All that was judged; the verdict is missed if one is, else unknown if one is."""

    verdict: Verdict
    met: int
    missed: int
    unknown: int
    at: datetime
    objectives: list[Judgement]


class SloFile(Struct, kw_only=True):
    """An SLO that can be named: where it comes from, and what it promises."""

    name: str
    objective: str
    target: str
    window: str
    service: str
    source: str
    path: str


class SloText(Struct, kw_only=True, forbid_unknown_fields=True):
    """A file as it was written; `name` is how findings call it."""

    name: Annotated[str, Meta(min_length=1, max_length=500)]
    text: Annotated[str, Meta(max_length=MAX_TEXT)]


class AskValidation(Struct, kw_only=True, forbid_unknown_fields=True):
    """Files to be checked."""

    file: Annotated[list[SloText], Meta(min_length=1, max_length=100)]


class Finding(Struct, kw_only=True):
    """Something wrong (`error`) or doubtful (`warning`) in a file."""

    file: str
    line: int
    level: Literal["error", "warning"]
    message: str


class Validation(Struct, kw_only=True):
    """What was found in the files."""

    files: int
    objectives: int
    errors: int
    warnings: int
    findings: list[Finding]


LIST = listing("slo.list", "/slo", SloFile)
VALIDATE = Operation("slo.validate", "POST", "/slo/validate", Validation, body=AskValidation, kind="read")
REPORT = Operation("slo.report", "POST", "/slo/report", SloReport, body=AskReport, kind="read")
