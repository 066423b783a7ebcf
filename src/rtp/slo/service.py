"""Use cases of service levels: which there are, whether they are well written, and how they are judged."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of_items
from rtp.operations import Page
from rtp.settings import Settings
from rtp.slo import documents, policy
from rtp.slo.schemas import AskReport, AskValidation, Exact, Judgement, Objective, SloFile, SloReport, Validation
from rtp.telemetry import service as telemetry


def known(settings: Settings, page: PageRequest) -> Page[SloFile]:
    """One page of the SLOs of the instance and the shipped ones, by name.

    Raises: InvalidInput for a bad cursor or sort.
    """
    found = documents.known(settings.home_folder(), "instance", "shipped")
    return page_of_items(page, (one for slo in found for one in slo.files), lambda one: f"{one.name} {one.objective}")


def validate(asked: AskValidation) -> Validation:
    """Check files as they were written."""
    return documents.validated([documents.parse(file.name, file.text.encode()) for file in asked.file])


async def report(frame: Frame, asked: AskReport) -> SloReport:
    """Judge every objective over its window until now."""
    begins = await telemetry.begins(frame)
    judged = [await _judge(frame, asked, objective, begins) for objective in asked.objectives]
    verdicts = [one.verdict for one in judged]
    return SloReport(
        verdict=policy.worst(verdicts),
        met=verdicts.count("met"),
        missed=verdicts.count("missed"),
        unknown=verdicts.count("unknown"),
        at=frame.now,
        objectives=judged,
    )


async def _judge(frame: Frame, asked: AskReport, objective: Objective, begins: datetime | None) -> Judgement:
    period = objective.window_seconds
    seconds = asked.window_seconds or period
    since = frame.now - timedelta(seconds=seconds)
    counts = await telemetry.count(frame, since, frame.now, objective.total, objective.good)
    good = counts.total - counts.narrower if objective.inverted else counts.narrower
    least = asked.min_events or objective.min_events
    target = Fraction(objective.target)
    measured = policy.sli(good, counts.total)
    verdict = policy.verdict(good, counts.total, target, least)
    budget = policy.budget_minutes(target, period)
    spent = None if measured is None else policy.spent_minutes(measured, seconds)
    burn = None if measured is None else policy.burn(measured, target)
    consumed = None if measured is None else policy.consumed(measured, target, Fraction(seconds), Fraction(period))
    return Judgement(
        slo=objective.slo,
        objective=objective.objective,
        verdict=verdict,
        why=_why(verdict, good, counts.total, objective.target, least) + _missing(begins, since),
        target=objective.target,
        sli=None if measured is None else policy.shown_share(measured, target),
        wilson=[f"{bound:.6f}" for bound in policy.wilson(good, counts.total)],
        total=counts.total,
        good=good,
        bad=counts.total - good,
        min_events=least,
        burn=None if burn is None else policy.shown(burn, 4),
        consumed_percent=None if consumed is None else policy.shown(100 * consumed, 2),
        budget_minutes=policy.shown(budget, 4),
        spent_minutes=None if spent is None else policy.shown(spent, 4),
        remaining_minutes=None if spent is None else policy.shown(budget - spent, 4),
        window_seconds=seconds,
        period_seconds=period,
        since=since,
        until=frame.now,
        exact=Exact(sli=_text(measured), burn=_text(burn)),
    )


def _why(verdict: str, good: int, total: int, target: str, least: int) -> str:
    if verdict == "unknown":
        return f"{total:,} events in the window, {least:,} are wanted for a verdict"
    return f"{good:,} of {total:,} events were good, {policy.shown(100 * Fraction(target), 6)} % are promised"


def _missing(begins: datetime | None, since: datetime) -> str:
    """What a window lacks at its beginning: the instance is younger, or its history did not go on for so long."""
    if begins is None:
        return "; there is no history"
    return f"; the history begins only at {begins:%Y-%m-%d %H:%M} UTC" if begins > since else ""


def _text(value: Fraction | None) -> str | None:
    return None if value is None else f"{value.numerator}/{value.denominator}"
