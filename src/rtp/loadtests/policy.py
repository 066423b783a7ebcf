"""Thresholds and figures of a load test: pure rules over what locust counted.

Locust keeps times to two significant digits, so a percentile is known as a range; its upper end is what is judged.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from msgspec import Struct

from rtp.loadtests.schemas import Outcome, RequestStats, ThresholdResult, Verdict

TOTAL = "total"
Kind = Literal["time", "ratio", "count", "rate"]
KINDS: dict[str, Kind] = {
    "p50": "time", "p90": "time", "p95": "time", "p99": "time", "p99.9": "time", "max": "time", "mean": "time",
    "error_ratio": "ratio", "requests": "count", "failures": "count", "rps": "rate",
}  # fmt: skip
UNITS: dict[Kind, dict[str, Fraction]] = {
    "time": {"ms": Fraction(1), "s": Fraction(1000)},
    "ratio": {"%": Fraction(1, 100), "": Fraction(1)},
    "count": {"": Fraction(1)},
    "rate": {"": Fraction(1), "/s": Fraction(1)},
}
_THRESHOLD = re.compile(r"^([a-z_]+[0-9.]*)\s*(<=|<|>=|>)\s*(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|%|/s)?$")
_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Threshold(Struct, frozen=True, kw_only=True):
    """One rule such as `p95 < 250 ms`, of all requests or of those of a name."""

    name: str
    text: str
    metric: str
    op: str
    limit: Fraction


class Counted(Struct, kw_only=True):
    """What locust counted under one name; `times` maps rounded milliseconds to how many."""

    name: str
    requests: int = 0
    failures: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0
    times: dict[int, int] = {}


def parse(name: str, text: str) -> Threshold:
    """A threshold from its text.

    Raises: ValueError, which says what is wrong with it.
    """
    match = _THRESHOLD.match(text.strip())
    kind = KINDS.get(match[1]) if match else None
    if match is None or kind is None:
        raise ValueError(f"{text!r} is no threshold such as 'p95 < 250 ms'; metrics are {', '.join(KINDS)}")
    unit = match[4] or ""
    if unit not in UNITS[kind]:
        wanted = " or ".join(repr(one) for one in UNITS[kind] if one) or "no unit"
        raise ValueError(f"{text!r}: {match[1]} is given in {wanted}")
    limit = Fraction(Decimal(match[3])) * UNITS[kind][unit]
    return Threshold(name=name, text=text.strip(), metric=match[1], op=match[2], limit=limit)


def merged(parts: Sequence[Counted]) -> Counted:
    """All names together."""
    times: dict[int, int] = {}
    for part in parts:
        for value, count in part.times.items():
            times[value] = times.get(value, 0) + count
    return Counted(
        name=TOTAL,
        requests=sum(part.requests for part in parts),
        failures=sum(part.failures for part in parts),
        total_ms=sum(part.total_ms for part in parts),
        max_ms=max((part.max_ms for part in parts), default=0.0),
        times=times,
    )


def percentile(counted: Counted, share: Fraction) -> float:
    """The upper bound of a percentile by nearest rank; never above the largest time that was seen."""
    wanted = max(1, math.ceil(share * sum(counted.times.values())))
    seen = 0
    for value in sorted(counted.times):
        seen += counted.times[value]
        if seen >= wanted:
            return min(value + _half_step(value), counted.max_ms)
    return counted.max_ms


def measure(counted: Counted, metric: str, seconds: float) -> Fraction | None:
    """The value of a metric; None where nothing was measured."""
    if metric == "requests":
        return Fraction(counted.requests)
    if not counted.requests:
        return None
    if metric == "failures":
        return Fraction(counted.failures)
    if metric == "error_ratio":
        return Fraction(counted.failures, counted.requests)
    if metric == "rps":
        return Fraction(counted.requests) / Fraction(seconds) if seconds > 0 else None
    if not counted.times:
        return None
    if metric == "mean":
        return Fraction(counted.total_ms) / sum(counted.times.values())
    if metric == "max":
        return Fraction(counted.max_ms)
    return Fraction(percentile(counted, Fraction(Decimal(metric.removeprefix("p"))) / 100))


def judge(threshold: Threshold, counted: Counted | None, seconds: float) -> ThresholdResult:
    """Judge one threshold; a metric without samples has not held."""
    value = measure(counted or Counted(name=threshold.name), threshold.metric, seconds)
    outcome: Outcome = "no samples"
    if value is not None:
        outcome = "held" if _OPERATORS[threshold.op](value, threshold.limit) else "missed"
    shown = "–" if value is None else _shown(threshold.metric, value)
    return ThresholdResult(name=threshold.name, threshold=threshold.text, measured=shown, outcome=outcome)


def verdict(requests: int, results: Sequence[ThresholdResult], *, crashed: bool, interrupted: bool) -> Verdict:
    """How a run is judged: what did not end by itself is not judged by its thresholds."""
    if interrupted:
        return "interrupted"
    if crashed:
        return "crashed"
    if not requests:
        return "no data"
    return "held" if all(one.outcome == "held" for one in results) else "missed"


def figures(counted: Counted, seconds: float) -> RequestStats:
    """The figures of a name, rounded for reading."""
    times = {name: measure(counted, name, seconds) for name in ("mean", "p50", "p95", "p99", "max")}
    return RequestStats(
        name=counted.name,
        requests=counted.requests,
        failures=counted.failures,
        error_percent=round(100 * counted.failures / counted.requests, 3) if counted.requests else 0.0,
        rps=round(counted.requests / seconds, 2) if seconds > 0 else 0.0,
        **{name: round(float(value or 0), 1) for name, value in times.items()},
    )


def by_name(parts: Sequence[Counted]) -> Mapping[str, Counted]:
    """The parts by name, and their total."""
    return {part.name: part for part in parts} | {TOTAL: merged(parts)}


def _half_step(value: int) -> float:
    """Half the distance between the values that locust keeps around this one."""
    return next((step / 2 for limit, step in ((100, 1), (1000, 10), (10_000, 100)) if value < limit), 500.0)


def _shown(metric: str, value: Fraction) -> str:
    kind = KINDS[metric]
    if kind == "time":
        bound = "≤ " if metric.startswith("p") else ""
        return f"{bound}{float(value):.1f} ms"
    if kind == "ratio":
        return f"{float(100 * value):.3f} %"
    return f"{float(value):.1f} /s" if kind == "rate" else f"{int(value)}"
