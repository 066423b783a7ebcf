"""How a run is judged, from its journal alone. Pure.

Chaos Toolkit's own exit code is 0 when the steady state was missed at the start, when it was missed during the method,
when an action raised, and when a rollback raised; so nothing here looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from rtp.chaos.schemas import Verdict

Rollbacks = Literal["verified", "failed", "not needed"]


class Provided(msgspec.Struct):
    """The activity that an entry of the journal is about."""

    name: str = ""
    type: str = ""


class Ran(msgspec.Struct, kw_only=True):
    """One activity of a journal; `tolerance_met` stands only in a hypothesis."""

    activity: Provided = msgspec.field(default_factory=Provided)
    status: str = ""
    output: Any = None
    exception: list[str] | None = None
    tolerance_met: bool | None = None
    start: str = ""
    duration: float = 0.0

    @property
    def why(self) -> str:
        """The last line of what was raised."""
        lines = "".join(self.exception or []).strip().splitlines()
        return lines[-1].removeprefix("chaoslib.exceptions.ActivityFailed: ") if lines else "it did not end"


class State(msgspec.Struct, kw_only=True):
    """One time that the hypothesis was asked."""

    steady_state_met: bool | None = None
    probes: list[Ran] = []


class States(msgspec.Struct, kw_only=True):
    """Every time that the hypothesis was asked."""

    before: State | None = None
    after: State | None = None
    during: list[State | None] = []


class Aftermath(msgspec.Struct, kw_only=True):
    """What rtp adds to the journal: how the run was ended from outside, our own undoing, and the hypothesis after it.

    `undone` are the actions whose inverse was run because no rollback had done it; `undo_failed` says what remained.
    `too_long` is the limit in seconds at which the method was ended, 0 when it was not.
    """

    interrupted: str = ""
    too_long: float = 0.0
    undone: list[str] = []
    undo_failed: list[str] = []
    verification: State | None = None


class Journal(msgspec.Struct, kw_only=True):
    """A Chaos Toolkit journal, as much as a verdict needs."""

    status: str | None = None
    deviated: bool = False
    steady_states: States = msgspec.field(default_factory=States)
    run: list[Ran] = []
    rollbacks: list[Ran] = []
    experiment: dict[str, Any] = {}
    start: str = ""
    end: str = ""
    rtp: Aftermath = msgspec.field(default_factory=Aftermath)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, whether the rollbacks are verified, and every reason for either."""

    verdict: Verdict
    rollbacks: Rollbacks
    reasons: list[str]


def judge(journal: Journal) -> Judgement:
    """The verdict over a journal, the worst first: what was left broken, what stopped it, what deviated."""
    rollbacks, trouble = rolled_back(journal)
    reasons = list(trouble)
    verdict: Verdict = "held"
    before = journal.steady_states.before
    if journal.rtp.interrupted:
        verdict = "interrupted"
        reasons.append(f"it was ended by {journal.rtp.interrupted}")
    elif journal.rtp.too_long:
        verdict = "deviated"
        reasons.append(f"the method took longer than {journal.rtp.too_long:g} s")
    elif before is None:
        verdict = "not judged"
        reasons.append("the hypothesis was never asked")
    elif not before.steady_state_met:
        verdict = "not steady"
        reasons += [f"before the method: {reason}" for reason in missed(before)]
    elif deviations := list(deviated(journal)):
        verdict = "deviated"
        reasons += deviations
    elif journal.steady_states.after is None:
        verdict = "not judged"
        reasons.append("the hypothesis was not asked after the method")
    if rollbacks == "failed":
        verdict = "rollback failed"
    return Judgement(verdict=verdict, rollbacks=rollbacks, reasons=reasons)


def rolled_back(journal: Journal) -> tuple[Rollbacks, list[str]]:
    """Whether everything is as before: no rollback raised or was left out, and the hypothesis holds again."""
    trouble = [f"rollback {one.activity.name}: {one.why}" for one in journal.rollbacks if one.status != "succeeded"]
    trouble += [f"undo: {what}" for what in journal.rtp.undo_failed]
    declared = len(journal.experiment.get("rollbacks") or [])
    if journal.run and len(journal.rollbacks) < declared:
        trouble.append(f"only {len(journal.rollbacks)} of {declared} rollbacks ran")
    if trouble:
        return "failed", trouble
    if not journal.run:
        return "not needed", []
    if journal.rtp.verification is None:
        return "failed", ["after the rollbacks the hypothesis was not asked again"]
    if not journal.rtp.verification.steady_state_met:
        return "failed", [f"after the rollbacks: {reason}" for reason in missed(journal.rtp.verification)]
    return "verified", []


def deviated(journal: Journal) -> Iterator[str]:
    """Every way in which the method or the hypothesis during and after it went wrong."""
    for one in journal.run:
        if one.status != "succeeded":
            yield f"{one.activity.type or 'activity'} {one.activity.name}: {one.why}"
    for number, state in enumerate(journal.steady_states.during, 1):
        if state is not None and not state.steady_state_met:
            yield from (f"during the method, time {number}: {reason}" for reason in missed(state))
    after = journal.steady_states.after
    if after is not None and not after.steady_state_met:
        yield from (f"after the method: {reason}" for reason in missed(after))
    elif journal.deviated:
        yield "Chaos Toolkit says that it deviated"


def missed(state: State) -> Iterator[str]:
    """Which probes raised or were outside their tolerance, with what they said."""
    for probe in state.probes:
        if probe.status != "succeeded":
            yield f"probe {probe.activity.name}: {probe.why}"
        elif probe.tolerance_met is False:
            yield f"probe {probe.activity.name} was out of tolerance: {probe.output!r}"
    if not state.probes:
        yield "no probe was asked"
