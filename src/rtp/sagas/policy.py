"""Rules of sagas: what comes next, what may be undone, when a person is called. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from rtp.jobs.spec import Backoff
from rtp.sagas.errors import IllegalSagaMove
from rtp.sagas.schemas import Direction, SagaState, SagaStep, StepState

ENDED: frozenset[SagaState] = frozenset({"succeeded", "compensated"})
LOOK_AFTER = (1.0, 10.0, 60.0, 300.0)
"""Seconds between the looks for the late success of a step whose outcome is not known."""

PAUSE = Backoff(delay=1.0, cap=3600.0)
"""Between attempts, without an end."""

STEP_MOVES: dict[tuple[StepState, str], StepState] = {
    ("pending", "run"): "running",
    ("running", "run"): "running",
    ("running", "finish"): "done",
    ("running", "fail"): "failed",
    ("done", "undo"): "compensated",
    ("failed", "undo"): "compensated",
}
"""(from, event) → to. `fail` is not taken by a step past the pivot: it is tried again until it is done."""


class Move(Struct, frozen=True):
    """What a saga does next: run or undo the step at `place`, or end."""

    kind: Literal["run", "undo", "end"]
    place: int = -1


def moved(key: str, step: SagaStep, event: str) -> StepState:
    """The state of a step after an event.

    Raises: IllegalSagaMove.
    """
    if (to := STEP_MOVES.get((step.state, event))) is None:
        raise IllegalSagaMove(key=key, step=step.name, state=step.state, event=event)
    return to


def following(direction: Direction, steps: Sequence[SagaStep]) -> Move:
    """The next move: forward the first step that is not done, back the last one that has something to undo."""
    if direction == "forward":
        return next((Move("run", place) for place, step in enumerate(steps) if step.state != "done"), Move("end"))
    places = range(len(steps) - 1, -1, -1)
    return next((Move("undo", place) for place in places if undoable(steps[place])), Move("end"))


def undoable(step: SagaStep) -> bool:
    """Whether going back stops here: it was done, or it failed without saying whether it had an effect."""
    return step.state == "done" or (step.state == "failed" and step.touched)


def past_pivot(steps: Sequence[SagaStep]) -> bool:
    """Whether something was begun that cannot be undone, so that there is only the way forward."""
    return any(step.kind != "reversible" and step.state in {"running", "done"} for step in steps)


def at_hand(direction: Direction, steps: Sequence[SagaStep]) -> str:
    """The name of the step that is next, empty at the end."""
    move = following(direction, steps)
    return "" if move.kind == "end" else steps[move.place].name


def may_fail(step: SagaStep, *, refused: bool, retries: int) -> bool:
    """Whether a failed attempt ends the step.

    Before the pivot a refusal does, and so does the last of its attempts; the pivot may refuse while it has surely done
    nothing; everything else is tried until it is done.
    """
    if step.kind == "reversible":
        return refused or step.failures > retries
    return step.kind == "pivot" and refused and not step.touched


def standing(direction: Direction, *, failures: int, page_after: int, overdue: bool) -> SagaState:
    """The state of a saga under way: stuck when it failed so often, or is late where it cannot turn back."""
    if failures >= page_after or overdue:
        return "stuck"
    return "running" if direction == "forward" else "compensating"
