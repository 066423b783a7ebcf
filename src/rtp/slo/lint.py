"""What is valid in an SLO and yet hardly meant."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

from rtp.slo import openslo, policy
from rtp.slo.schemas import Objective
from rtp.telemetry.schemas import Selection

NOISE = ("/health/live", "/health/ready", "/health/worker", "/metrics")
"""Routes that answer to machines; they would make every service look better than it is."""


def findings(slo: openslo.Slo, objectives: list[Objective]) -> Iterator[tuple[str, str]]:
    """Path and message of everything doubtful."""
    window = "$.spec.timeWindow[0].duration"
    if slo.spec.timeWindow[0].duration == "1m":
        yield window, "1m is one minute; a month is written as 30d"
    for place, objective in enumerate(objectives):
        at = f"$.spec.objectives[{place}]"
        if not objective.good.comparisons and not _narrows(objective):
            yield at, "every event counts alike: the good ones are not told from the bad ones by status or duration"
        if noise := [route for route in NOISE if _selects(objective.total, route)]:
            yield at, f"it counts {', '.join(noise)}, which only machines ask; exclude them"
        if objective.target == "0":
            yield f"{at}.target", "a target of 0 is always met"
        if len({one.objective for one in objectives}) < len(objectives) and not objective.objective:
            yield at, "several objectives, and this one has no displayName to tell it by"
        yield from _alerts(slo, Fraction(objective.target))


def _narrows(objective: Objective) -> bool:
    good = objective.good
    return bool(good.routes or good.exclude or good.methods)


def _selects(selection: Selection, route: str) -> bool:
    wanted = not selection.routes or any(fnmatchcase(route, pattern) for pattern in selection.routes)
    return wanted and not any(fnmatchcase(route, pattern) for pattern in selection.exclude)


def _alerts(slo: openslo.Slo, target: Fraction) -> Iterator[tuple[str, str]]:
    """Burn-rate alerts that can never fire: not even an outage burns faster than 1 / budget."""
    highest = policy.highest_burn(target)
    for place, alert in enumerate(slo.spec.alertPolicies):
        for number, condition in enumerate(_conditions(alert)):
            threshold = condition.get("threshold")
            if condition.get("kind") != "burnrate" or not isinstance(threshold, (int, Decimal)):
                continue
            if Fraction(threshold) >= highest:
                path = f"$.spec.alertPolicies[{place}].spec.conditions[{number}].spec.condition.threshold"
                shown = policy.shown(highest, 2)
                yield path, f"a burn of {threshold} is never exceeded: with every event bad it is {shown}"


def _conditions(alert: Any) -> Iterator[dict[str, Any]]:
    spec = alert.get("spec") if isinstance(alert, dict) else None
    for condition in (spec.get("conditions") if isinstance(spec, dict) else None) or []:
        inner = condition.get("spec") if isinstance(condition, dict) else None
        found = inner.get("condition") if isinstance(inner, dict) else None
        yield found if isinstance(found, dict) else {}
