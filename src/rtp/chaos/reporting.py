"""A run as a report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rtp.chaos.policy import Journal, Ran, State
from rtp.chaos.schemas import ChaosRun
from rtp.kit.clock import to_text
from rtp.reports import Check, Moment, Report, Section


def report(run: ChaosRun, journal: Journal) -> Report:
    """The verdict, every probe and action as a check, and when each happened."""
    title = str(journal.experiment.get("title") or run.name)
    facts = {
        "run": run.id,
        "experiment": run.name,
        "began": to_text(run.started_at),
        "ended": to_text(run.ended_at),
        "rollbacks": run.rollbacks,
        "exit code": run.exit_code,
        "journal (SHA-256)": run.journal,
    }
    return Report(
        title=f"Experiment: {title}",
        verdict=run.verdict,
        held=run.verdict == "held",
        at=to_text(run.started_at),
        summary=str(journal.experiment.get("description") or ""),
        checks=list(_checks(journal)),
        sections=[Section(title="Run", facts=facts), *_reasons(run)],
        timeline=list(_timeline(run.started_at, journal)),
    )


def _reasons(run: ChaosRun) -> list[Section]:
    if not run.reasons:
        return []
    return [Section(title="Reasons", facts={str(place): reason for place, reason in enumerate(run.reasons, 1)})]


def _parts(journal: Journal) -> Iterator[tuple[str, Ran]]:
    states = journal.steady_states
    asked: list[tuple[str, State | None]] = [("before", states.before)]
    asked += [(f"during, time {number}", state) for number, state in enumerate(states.during, 1)]
    for name, state in asked:
        yield from ((name, probe) for probe in (state.probes if state else []))
    yield from (("method", one) for one in journal.run)
    yield from (("after", probe) for probe in (states.after.probes if states.after else []))
    yield from (("rollback", one) for one in journal.rollbacks)
    last = journal.rtp.verification
    yield from (("after the rollbacks", probe) for probe in (last.probes if last else []))


def _good(one: Ran) -> bool:
    return one.status == "succeeded" and one.tolerance_met is not False


def _checks(journal: Journal) -> Iterator[Check]:
    for part, one in _parts(journal):
        detail = "" if _good(one) else one.why if one.status != "succeeded" else f"out of tolerance: {one.output!r}"
        name = f"{part}: {one.activity.name}"
        yield Check(name=name, outcome="held" if _good(one) else "failed", detail=detail, seconds=one.duration)


def _timeline(began: datetime, journal: Journal) -> Iterator[Moment]:
    for part, one in _parts(journal):
        if one.start:
            seconds = max(0.0, (datetime.fromisoformat(one.start) - began).total_seconds())
            what = f"{part}: {one.activity.name}"
            yield Moment(at=one.start, what=what, seconds=seconds, outcome="held" if _good(one) else "failed")
