"""Use cases of sagas: start, look, cancel, retry. Their steps are run by the worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.jobs import service as jobs
from rtp.kit import ids
from rtp.operations import Page
from rtp.sagas import policy, repository
from rtp.sagas.errors import SagaEnded, SagaNotFound, SagaPastPivot
from rtp.sagas.repository import Kept
from rtp.sagas.schemas import Saga, SagaDetail, SagaState, SagaStep
from rtp.sagas.spec import Definition, Step

ADVANCE = "sagas.advance"
QUEUE = "sagas"
LATE = timedelta(minutes=10)
"""A saga that nobody looked at for so long after its time has lost its job, or no worker knows its version."""


async def start(frame: Frame, definition: Definition, *, subject: str, data: dict[str, Any]) -> Saga:
    """Begin a saga on a thing, with plain JSON for its steps; it exists only if this frame commits."""
    kept = await repository.add(
        frame,
        name=definition.name,
        definition_version=definition.version,
        subject=subject,
        data=data,
        page_after=definition.page_after,
        deadline_at=frame.after(definition.deadline),
        steps=[_first(frame, step) for step in definition.steps],
    )
    saga = kept.shown()
    frame.record("saga.started", saga.id, saga.version, after=saga)
    enqueue(frame, saga.id, kept.turn)
    return saga


def enqueue(frame: Frame, saga: str, turn: int, after: float = 0.0) -> None:
    """Queue the job of a turn; its lock lets one step of a saga run at a time."""
    at = frame.after(after) if after else None
    frame.enqueue(ADVANCE, queue=QUEUE, lock=saga, at=at, saga=saga, turn=turn)


async def show(frame: Frame, key: str) -> SagaDetail:
    """A saga with its steps.

    Raises: SagaNotFound.
    """
    return (await _find(frame, key)).detail()


async def page(frame: Frame, page: PageRequest, *, state: SagaState | None = None, subject: str = "") -> Page[Saga]:
    """One page of sagas."""
    return await repository.page(frame, page, state=state, subject=subject)


async def waiting(frame: Frame) -> tuple[int, int]:
    """How many sagas are stuck, and how many are late to be looked at."""
    return await repository.waiting(frame, frame.now - LATE)


async def cancel(frame: Frame, key: str) -> Saga:
    """Turn back before the pivot: what was done is undone in reverse; a second time changes nothing.

    Raises: SagaNotFound, SagaEnded, SagaPastPivot.
    """
    kept = await _under_way(frame, key)
    if kept.cancelling or kept.direction == "back":
        return kept.shown()
    if policy.past_pivot(kept.steps):
        raise SagaPastPivot(key=kept.id, step=policy.at_hand(kept.direction, kept.steps))
    after = await repository.change(frame, kept, cancelling=True, next_at=frame.now)
    return await _woken(frame, kept, after, "saga.cancel_requested")


async def retry(frame: Frame, key: str) -> Saga:
    """Try the step at hand again, now, and count its failures anew.

    Raises: SagaNotFound, SagaEnded.
    """
    kept = await _under_way(frame, key)
    now = kept
    for place, step in enumerate(kept.steps):
        if step.failures:
            now = await repository.change_step(frame, now, place, failures=0)
    late = frame.now >= kept.deadline_at and policy.past_pivot(kept.steps)
    started = any(step.state != "pending" for step in kept.steps)
    state: SagaState = policy.standing(kept.direction, failures=0, page_after=kept.page_after, overdue=late)
    after = await repository.change(frame, now, state=state if started else kept.state, next_at=frame.now)
    return await _woken(frame, kept, after, "saga.retried")


async def _woken(frame: Frame, before: Kept, after: Kept, event: str) -> Saga:
    saga = after.shown()
    frame.record(event, saga.id, saga.version, before=before.shown(), after=saga)
    if not await jobs.hasten(frame, saga.id):
        enqueue(frame, saga.id, after.turn)
    return saga


async def _under_way(frame: Frame, key: str) -> Kept:
    kept = await _find(frame, key, lock=True)
    if kept.ended:
        raise SagaEnded(key=kept.id, state=kept.state)
    return kept


async def _find(frame: Frame, key: str, *, lock: bool = False) -> Kept:
    kept = await repository.find(frame, id_of(key), lock=lock)
    if kept is None:
        raise SagaNotFound(key=key)
    return kept


def id_of(key: str) -> UUID:
    """The saga id behind a text.

    Raises: SagaNotFound.
    """
    return ids.parse_or("saga", key, SagaNotFound)


def _first(frame: Frame, step: Step) -> SagaStep:
    if step.action is None:
        return SagaStep(
            name=step.name, kind=step.kind, state="done", touched=True, failures=0, looks=0, error="",
            started_at=frame.now, ended_at=frame.now,
        )  # fmt: skip
    return SagaStep(
        name=step.name, kind=step.kind, state="pending", touched=False, failures=0, looks=0, error="",
        started_at=None, ended_at=None,
    )  # fmt: skip
