"""The moves of a saga: each is one transaction that also queues the job of the next turn."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog
from msgspec import Struct, structs

from rtp.db.frame import Frame
from rtp.sagas import policy, repository, service
from rtp.sagas.policy import Move
from rtp.sagas.repository import Kept
from rtp.sagas.schemas import SagaState
from rtp.sagas.spec import Definition, Registry

log = structlog.get_logger("rtp.sagas")
UNKNOWN_VERSION_SECONDS = 60.0
"""After which a saga is offered again, to a worker that knows its version."""

_random = random.SystemRandom()


class Task(Struct, frozen=True, kw_only=True):
    """What a worker does in its turn."""

    kept: Kept
    definition: Definition
    move: Move


class Outcome(Struct, frozen=True, kw_only=True):
    """How an attempt ended: `again` and `done` went well, `refused` surely did nothing, of `failed` that is open.

    `absent` is a step without a trace of it, looked for while going back.
    """

    kind: Literal["done", "again", "refused", "failed", "undone", "absent"]
    why: str = ""
    after: float = 0.0
    deadline: datetime | None = None


async def begin(frame: Frame, definitions: Registry, key: str, turn: int) -> Task | None:
    """Take the turn and note the step that is about to run; None when there is nothing to do in this turn."""
    kept = await _of_turn(frame, key, turn)
    if kept is None:
        return None
    definition = definitions.get((kept.name, kept.definition_version))
    if definition is None:
        await _leave(frame, kept)
        return None
    if why := _turns_back(frame, kept):
        kept = await _turned_back(frame, kept, why)
    move = policy.following(kept.direction, kept.steps)
    if move.kind == "end":
        await _go_on(frame, kept, kept)
        return None
    if move.kind == "run":
        kept = await _started(frame, kept, move.place)
    return Task(kept=kept, definition=definition, move=move)


async def conclude(frame: Frame, task: Task, outcome: Outcome) -> None:
    """Take in how the attempt ended, and queue the next turn; without effect when the turn has passed."""
    before = await _of_turn(frame, task.kept.id, task.kept.turn)
    if before is None:
        return
    if outcome.kind in {"refused", "failed"}:
        await _failed(frame, task, before, outcome)
    elif outcome.kind == "absent":
        await _absent(frame, task, before)
    else:
        place, state = task.move.place, {"done": "done", "undone": "compensated"}.get(outcome.kind)
        values: dict[str, Any] = {"failures": 0, "error": "", "touched": True}
        if state is not None:
            event = "finish" if outcome.kind == "done" else "undo"
            values |= {"state": policy.moved(before.id, before.steps[place], event), "ended_at": frame.now}
        after = await repository.change_step(frame, before, place, **values)
        if outcome.deadline is not None:
            least = before.created_at + timedelta(seconds=task.definition.deadline)
            after = structs.replace(after, deadline_at=max(least, outcome.deadline))
        name = {"done": "saga.step_done", "undone": "saga.step_undone"}.get(outcome.kind, "")
        await _go_on(frame, before, after, after=outcome.after, event=name)


async def _of_turn(frame: Frame, key: str, turn: int) -> Kept | None:
    """The saga, held, if this is its turn still."""
    kept = await repository.find(frame, service.id_of(key), lock=True)
    if kept is None or kept.ended or kept.turn != turn:
        log.info("the turn of a saga has passed", saga=key, turn=turn)
        return None
    return kept


async def _leave(frame: Frame, kept: Kept) -> None:
    """Leave a saga to a worker that knows its version, and say so."""
    why = f"no worker came by that knows {kept.name} in version {kept.definition_version}"
    log.warning("left a saga alone", saga=kept.id, why=why)
    after = kept
    if kept.error != why:
        after = await repository.change(frame, kept, error=why)
        frame.record("saga.left", after.id, after.version, before=kept.shown(), after=after.shown())
    service.enqueue(frame, after.id, after.turn, UNKNOWN_VERSION_SECONDS)


def _turns_back(frame: Frame, kept: Kept) -> str:
    """Why a saga turns back before its next step; empty when it does not."""
    if kept.direction == "back" or policy.past_pivot(kept.steps):
        return ""
    if kept.cancelling:
        return "it was cancelled"
    return "its deadline passed" if frame.now >= kept.deadline_at else ""


async def _turned_back(frame: Frame, kept: Kept, why: str) -> Kept:
    """Change the direction; of a step that was under way it is open whether it had an effect."""
    after = kept
    for place, step in enumerate(kept.steps):
        if step.state == "running":
            after = await repository.change_step(frame, after, place, state="failed", touched=True, failures=0)
    after = await repository.change(frame, after, direction="back", state="compensating", error=why)
    frame.record("saga.turned_back", after.id, after.version, before=kept.shown(), after=after.shown())
    return after


async def _started(frame: Frame, kept: Kept, place: int) -> Kept:
    step = kept.steps[place]
    if step.state != "pending":
        # Nobody noted how the attempt before ended, so it is open whether it had an effect.
        return kept if step.touched else await repository.change_step(frame, kept, place, touched=True)
    state = policy.moved(kept.id, step, "run")
    after = await repository.change_step(frame, kept, place, state=state, started_at=frame.now)
    after = await repository.change(
        frame, after, state="stuck" if kept.state == "stuck" else "running", error="", next_at=frame.now
    )
    frame.record("saga.step_begun", after.id, after.version, before=kept.shown(), after=after.shown())
    return after


async def _failed(frame: Frame, task: Task, before: Kept, outcome: Outcome) -> None:
    place = task.move.place
    step, declared = before.steps[place], task.definition.steps[place]
    # What was refused at first may have been done by an attempt before: only a step never left open surely did nothing.
    touched = step.touched or outcome.kind == "failed"
    failures = step.failures + 1
    values: dict[str, Any] = {"failures": failures, "error": outcome.why, "touched": touched}
    after = await repository.change_step(frame, before, place, **values)
    tried = after.steps[place]
    refused = outcome.kind == "refused"
    if task.move.kind == "run" and policy.may_fail(tried, refused=refused, retries=declared.retries):
        state = policy.moved(before.id, tried, "fail")
        after = await repository.change_step(frame, after, place, state=state, ended_at=frame.now, failures=0)
        after = await repository.change(frame, after, direction="back", error=f"{step.name}: {outcome.why}")
        await _go_on(frame, before, after, event="saga.turned_back")
        return
    after = await repository.change(frame, after, error=f"{step.name}: {outcome.why}")
    await _go_on(frame, before, after, after=policy.PAUSE.wait(failures, _random))


async def _absent(frame: Frame, task: Task, before: Kept) -> None:
    """Look again later, as often as the definition says; then a step that left no trace counts as not done."""
    place = task.move.place
    looks, waits = before.steps[place].looks + 1, task.definition.looks
    more = looks <= len(waits)
    after = await repository.change_step(frame, before, place, looks=looks, touched=more, failures=0)
    await _go_on(frame, before, after, after=waits[looks - 1] if more else 0.0)


async def _go_on(frame: Frame, before: Kept, now: Kept, *, after: float = 0.0, event: str = "") -> None:
    """Save where the saga stands and queue its next turn, if there is one."""
    values: dict[str, Any] = {"turn": before.turn + 1, "deadline_at": now.deadline_at}
    if policy.following(now.direction, now.steps).kind == "end":
        event = "saga.succeeded" if now.direction == "forward" else "saga.compensated"
        state: SagaState = "succeeded" if now.direction == "forward" else "compensated"
        values |= {"state": state, "ended_at": frame.now, "next_at": frame.now}
    else:
        late = now.direction == "forward" and frame.now >= now.deadline_at and policy.past_pivot(now.steps)
        failures = max(step.failures for step in now.steps)
        state = policy.standing(now.direction, failures=failures, page_after=now.page_after, overdue=late)
        after = _until(frame, now, after)
        values |= {"state": state, "next_at": frame.after(after)}
    saved = await repository.change(frame, now, **values)
    if state == "stuck" and before.state != "stuck":
        log.error("a saga is stuck", saga=saved.id, step=saved.shown().step, error=saved.error)
        event = "saga.stuck"
    if event:
        frame.record(event, saved.id, saved.version, before=before.shown(), after=saved.shown())
    if not saved.ended:
        service.enqueue(frame, saved.id, saved.turn, after)


def _until(frame: Frame, kept: Kept, after: float) -> float:
    """Not later than the deadline, where that turns the saga back."""
    if kept.direction == "back" or policy.past_pivot(kept.steps):
        return after
    return min(after, max(0.0, (kept.deadline_at - frame.now).total_seconds()))
