"""Reading SLO files: OpenSLO v1 to objectives, with every mistake at its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from rtp.kit import data_files
from rtp.slo import lint, openslo
from rtp.slo.lines import Document, Unreadable, documents
from rtp.slo.schemas import MAX_TEXT, MIN_EVENTS, Finding, Objective, SloFile, Validation
from rtp.telemetry.schemas import Comparison, Selection

T = TypeVar("T")
MAX_BYTES = MAX_TEXT
SUFFIXES = (".yaml", ".yml")
MIN_EVENTS_ANNOTATION = "rtp.dev/min-events"
UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"^([1-9]\d{0,6})([mhdwMQY])$")
_COMPARISON = re.compile(r"^(<=|<|>=|>)\s*(\d{1,9}(?:\.\d{1,6})?)$")
_OPERATORS: dict[str, Any] = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


class SloSet(msgspec.Struct, kw_only=True):
    """What one file holds: objectives where nothing is wrong with them, and all that was found."""

    objectives: list[Objective] = []
    files: list[SloFile] = []
    findings: list[Finding] = []

    @property
    def errors(self) -> list[Finding]:
        """What keeps the file from being judged."""
        return [one for one in self.findings if one.level == "error"]


class _Wrong(Exception):
    """Something at a path of the document is not as it must be."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def duration(text: str) -> int | None:
    """The seconds of a rolling duration such as 28d; None for what is no such duration."""
    match = _DURATION.match(text)
    return int(match[1]) * UNITS[match[2]] if match and match[2] in UNITS else None


def known(home: Path, *sources: data_files.Source) -> list[SloSet]:
    """Every file there is, of these sources only if any are named."""
    return [load(file.path, file.source) for file in data_files.listed("slos", home, SUFFIXES, sources=sources)]


def load(path: Path, source: str = "path") -> SloSet:
    """Read one file, whatever is in it; what is wrong is among the findings."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return SloSet(findings=[_finding(str(path), 1, error.strerror or str(error))])
    return parse(str(path), content, source)


def parse(name: str, content: bytes, source: str = "text") -> SloSet:
    """Read the content of a file, whatever it is; what is wrong is among the findings."""
    found = SloSet()
    try:
        if len(content) > MAX_BYTES:
            raise Unreadable(1, f"it is larger than {MAX_BYTES:,} bytes")
        parsed = documents(content.decode())
    except UnicodeDecodeError as error:
        found.findings.append(_finding(name, content[: error.start].count(b"\n") + 1, "it is not UTF-8"))
    except Unreadable as error:
        found.findings.append(_finding(name, error.line, error.message))
    else:
        _read_all(name, source, parsed, found)
    return found


def validated(found: Sequence[SloSet]) -> Validation:
    """All findings of these files."""
    findings = [finding for one in found for finding in one.findings]
    errors = sum(finding.level == "error" for finding in findings)
    return Validation(
        files=len(found),
        objectives=sum(len(one.objectives) for one in found),
        errors=errors,
        warnings=len(findings) - errors,
        findings=findings,
    )


def _read_all(path: str, source: str, parsed: list[Document], found: SloSet) -> None:
    indicators: dict[str, openslo.SliSpec] = {}
    slos: list[Document] = []
    for document in parsed:
        try:
            thing = _convert(document, openslo.Thing)
            if thing.kind == "SLI":
                indicators[thing.metadata.name] = _convert(document, openslo.Sli).spec
            elif thing.kind == "SLO":
                slos.append(document)
        except _Wrong as error:
            found.findings.append(_finding(path, document.line(error.path), error.message))
    for document in slos:
        try:
            slo = _convert(document, openslo.Slo)
            objectives = _objectives(slo, indicators)
        except _Wrong as error:
            found.findings.append(_finding(path, document.line(error.path), error.message))
            continue
        found.objectives += objectives
        found.files += [_described(path, source, slo, objective) for objective in objectives]
        for place, message in lint.findings(slo, objectives):
            found.findings.append(_finding(path, document.line(place), message, level="warning"))
    if not slos and not found.findings:
        found.findings.append(_finding(path, 1, "it holds no document of kind SLO"))


def _convert(document: Document, kind: type[T]) -> T:
    try:
        return msgspec.convert(document.value, kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        place = place.rstrip("`") or "$"
        if unknown := re.search(r"unknown field `(\w+)`", message):
            place = f"{place}.{unknown[1]}"
        raise _Wrong(place, f"{place.removeprefix('$').lstrip('.') or 'the document'}: {message}") from error


def _objectives(slo: openslo.Slo, indicators: dict[str, openslo.SliSpec]) -> list[Objective]:
    spec = slo.spec
    if spec.budgetingMethod != "Occurrences":
        raise _Wrong("$.spec.budgetingMethod", f"{spec.budgetingMethod} is not judged, only Occurrences is")
    seconds = _window(spec.timeWindow[0])
    indicator, where = _indicator(spec, indicators)
    least = _least(slo.metadata)
    result = []
    for place, objective in enumerate(spec.objectives):
        at = f"$.spec.objectives[{place}]"
        total, good, inverted = _selections(indicator, where, objective, at)
        result.append(
            Objective(
                slo=slo.metadata.name,
                objective=objective.displayName,
                target=_target(objective, at),
                window_seconds=seconds,
                total=total,
                good=good,
                inverted=inverted,
                min_events=least,
            )
        )
    return result


def _window(window: openslo.TimeWindow) -> int:
    at = "$.spec.timeWindow[0]"
    if window.calendar is not None or not window.isRolling:
        raise _Wrong(at, "only rolling windows are judged: isRolling: true, and no calendar")
    seconds = duration(window.duration)
    if seconds is None:
        what = f"{window.duration!r} is no duration of a rolling window: minutes, hours, days or weeks, such as 28d"
        raise _Wrong(f"{at}.duration", what)
    if seconds > 366 * 86_400:
        raise _Wrong(f"{at}.duration", "it is longer than 366 days")
    return seconds


def _indicator(spec: openslo.SloSpec, known: dict[str, openslo.SliSpec]) -> tuple[openslo.SliSpec, str]:
    if (spec.indicator is None) == (not spec.indicatorRef):
        raise _Wrong("$.spec", "it has either an indicator or an indicatorRef")
    if spec.indicator is not None:
        return spec.indicator.spec, "$.spec.indicator.spec"
    if spec.indicatorRef not in known:
        raise _Wrong("$.spec.indicatorRef", f"there is no SLI {spec.indicatorRef!r} in this file")
    return known[spec.indicatorRef], "$.spec.indicatorRef"


def _least(metadata: openslo.Metadata) -> int:
    text = metadata.annotations.get(MIN_EVENTS_ANNOTATION)
    if text is None:
        return MIN_EVENTS
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise _Wrong(f"$.metadata.annotations.{MIN_EVENTS_ANNOTATION}", f"{text!r} is no number of events")
    return int(text)


def _target(objective: openslo.Objective, at: str) -> str:
    if (objective.target is None) == (objective.targetPercent is None):
        raise _Wrong(at, "it has either a target or a targetPercent")
    name = "target" if objective.target is not None else "targetPercent"
    given = Decimal(getattr(objective, name))
    target = given if name == "target" else given / 100
    if not 0 <= target < 1:
        why = "a target of 100 % leaves no error budget" if target == 1 else "it is at least 0 and below 100 %"
        raise _Wrong(f"{at}.{name}", f"{given}: {why}")
    text = f"{target.normalize():f}"
    if len(text) > 14:
        raise _Wrong(f"{at}.{name}", f"{given} has more than 12 decimals")
    return text


def _selections(
    indicator: openslo.SliSpec, where: str, objective: openslo.Objective, at: str
) -> tuple[Selection, Selection, bool]:
    """What is counted, what of it is good, and whether that second one is the bad instead."""
    ratio, threshold = indicator.ratioMetric, indicator.thresholdMetric
    if (ratio is None) == (threshold is None):
        raise _Wrong(where, "an indicator has either a ratioMetric or a thresholdMetric")
    if threshold is not None:
        source = _source(threshold, f"{where}.thresholdMetric")
        if objective.op is None or objective.value is None:
            raise _Wrong(at, "an objective on a thresholdMetric has op and value")
        field: Any = "duration_ms" if source.field is msgspec.UNSET else source.field
        compared = Comparison(field=field, op=objective.op, value=float(objective.value))
        return _selection(source, f"{where}.thresholdMetric"), Selection(comparisons=[compared]), False
    assert ratio is not None
    if (ratio.good is None) == (ratio.bad is None):
        raise _Wrong(f"{where}.ratioMetric", "a ratioMetric has total, and either good or bad")
    name, part = ("good", ratio.good) if ratio.good is not None else ("bad", ratio.bad)
    assert part is not None
    total = _selection(_source(ratio.total, f"{where}.ratioMetric.total"), f"{where}.ratioMetric.total")
    other = _selection(_source(part, f"{where}.ratioMetric.{name}"), f"{where}.ratioMetric.{name}")
    return total, other, name == "bad"


def _source(metric: openslo.Metric, at: str) -> openslo.RequestSource:
    if metric.metricSource.type != "rtp":
        raise _Wrong(f"{at}.metricSource.type", f"{metric.metricSource.type!r} is not known here: type is rtp")
    return metric.metricSource.spec


def _selection(source: openslo.RequestSource, at: str) -> Selection:
    comparisons = []
    for name in ("status", "duration_ms"):
        for part in filter(None, (item.strip() for item in getattr(source, name).split(","))):
            match = _COMPARISON.match(part)
            if match is None:
                raise _Wrong(f"{at}.metricSource.spec.{name}", f'{part!r} is no comparison such as "< 500"')
            field: Any = name
            comparisons.append(Comparison(field=field, op=_OPERATORS[match[1]], value=float(match[2])))
    return Selection(routes=source.routes, exclude=source.exclude, methods=source.methods, comparisons=comparisons)


def _described(path: str, source: str, slo: openslo.Slo, objective: Objective) -> SloFile:
    return SloFile(
        name=objective.slo,
        objective=objective.objective or slo.metadata.displayName,
        target=objective.target,
        window=slo.spec.timeWindow[0].duration,
        service=slo.spec.service,
        source=source,
        path=path,
    )


def _finding(path: str, line: int, message: str, *, level: Any = "error") -> Finding:
    return Finding(file=path, line=line, level=level, message=message)
