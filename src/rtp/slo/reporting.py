"""Judged service levels as a report."""

from __future__ import annotations

from typing import Literal

from rtp.kit.clock import to_text
from rtp.reports import Check, Report, Section, Table
from rtp.slo.schemas import Judgement, SloReport, Verdict

Outcome = Literal["held", "failed", "unknown"]
OUTCOMES: dict[Verdict, Outcome] = {"met": "held", "missed": "failed", "unknown": "unknown"}
COLUMNS = ["objective", "verdict", "target", "SLI", "95 % interval", "good", "total", "burn", "consumed %"]


def as_report(judged: SloReport) -> Report:
    """The report; it holds only if everything is met."""
    return Report(
        title="Service levels",
        verdict=judged.verdict,
        held=judged.verdict == "met",
        at=to_text(judged.at),
        summary=f"{judged.met} met, {judged.missed} missed, {judged.unknown} unknown",
        checks=[Check(name=_name(one), outcome=OUTCOMES[one.verdict], detail=one.why) for one in judged.objectives],
        tables=[Table(title="Objectives", columns=COLUMNS, rows=[_row(one) for one in judged.objectives])],
        sections=[_section(one) for one in judged.objectives],
    )


def _name(one: Judgement) -> str:
    return f"{one.slo}: {one.objective}" if one.objective else one.slo


def _row(one: Judgement) -> list[str]:
    figures = [one.target, one.sli or "–", " – ".join(one.wilson), str(one.good), str(one.total)]
    return [_name(one), one.verdict, *figures, one.burn or "–", one.consumed_percent or "–"]


def _section(one: Judgement) -> Section:
    return Section(
        title=_name(one),
        facts={
            "window": f"{to_text(one.since)} – {to_text(one.until)}",
            "bad events": one.bad,
            "least events for a verdict": one.min_events,
            "error budget, minutes": one.budget_minutes,
            "spent in this window, minutes": one.spent_minutes or "–",
            "left of the period's, minutes": one.remaining_minutes or "–",
            "SLI, exact": one.exact.sli or "–",
            "burn, exact": one.exact.burn or "–",
        },
    )
