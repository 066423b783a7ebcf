"""A judged run as a report."""

from __future__ import annotations

from typing import Literal

from rtp.kit.clock import to_text
from rtp.loadtests.schemas import LoadRun, Outcome
from rtp.reports import Check, Report, Section, Table

Judged = Literal["held", "failed", "unknown"]
OUTCOMES: dict[Outcome, Judged] = {"held": "held", "missed": "failed", "no samples": "failed"}
COLUMNS = ["name", "requests", "failures", "errors %", "per second", "mean ms", "p50 ms", "p95 ms", "p99 ms", "max ms"]


def as_report(run: LoadRun) -> Report:
    """The report of a run."""
    return Report(
        title=f"Load test {run.name}",
        verdict=run.verdict,
        held=run.verdict == "held",
        at=to_text(run.started_at) if run.started_at else "",
        summary=f"{run.requests} requests, {run.failures} failed, {run.users} users, {run.seconds:g} s",
        checks=[
            Check(
                name=f"{one.name}: {one.threshold}",
                outcome=OUTCOMES[one.outcome],
                detail=f"measured {one.measured}" if one.outcome != "no samples" else "no samples, so it did not hold",
            )
            for one in run.thresholds
        ],
        sections=[
            Section(
                title="Run",
                facts={
                    "run": run.id,
                    "target": run.target,
                    "role of the token": run.role,
                    "users": run.users,
                    "new users per second": run.spawn_rate,
                    "seconds": run.seconds,
                },
            ),
            Section(title="How to read it", facts={str(place): note for place, note in enumerate(run.notes, 1)}),
        ],
        tables=[Table(title="Requests", columns=COLUMNS, rows=[_row(run, place) for place in range(len(run.stats))])],
    )


def _row(run: LoadRun, place: int) -> list[object]:
    one = run.stats[place]
    counts = [one.name, one.requests, one.failures, one.error_percent, one.rps]
    return [*counts, one.mean, one.p50, one.p95, one.p99, one.max]
