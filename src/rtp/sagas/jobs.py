"""The job that advances a saga by one step; what it does to the outside happens between two transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

import structlog

from rtp.jobs.spec import Backoff, Context, JobSpec
from rtp.kit import failpoints
from rtp.sagas import engine
from rtp.sagas.engine import Outcome, Task
from rtp.sagas.errors import StepRefused, TurnPassed
from rtp.sagas.service import ADVANCE, QUEUE
from rtp.sagas.spec import Again, Definition, Registry, Running, Step, registry

log = structlog.get_logger("rtp.sagas")
ENDLESS = Backoff(delay=0.5, retries=1_000_000, cap=60.0)
"""The job itself fails only when the database is away; a saga's own failures are counted in its rows."""


async def advance(definitions: Registry, context: Context, saga: str, turn: int) -> None:
    """One turn of a saga; again after a crash, with the same keys."""
    async with context.writing() as frame:
        task = await engine.begin(frame, definitions, saga, turn)
    if task is None:
        return
    failpoints.reach("saga.before_step")
    try:
        outcome = await _attempt(context, task)
    except TurnPassed as passed:
        log.warning("gave up a saga that another worker has taken over", saga=saga, turn=turn, why=str(passed))
        return
    failpoints.reach("saga.after_step")
    async with context.writing() as frame:
        await engine.conclude(frame, task, outcome)
    failpoints.reach("saga.after_transition")


async def _attempt(context: Context, task: Task) -> Outcome:
    """Run or undo the step, and tell how that ended; whatever goes wrong is an outcome of the saga, kept in its row."""
    step, kept = task.definition.steps[task.move.place], task.kept
    running = Running(context, kept.id, kept.turn, kept.name, step.name, kept.subject, kept.data)
    try:
        async with asyncio.timeout(step.timeout):
            return await (_run(step, running) if task.move.kind == "run" else _undo(step, task, running))
    except TurnPassed:
        raise
    except StepRefused as refused:
        return Outcome(kind="refused", why=str(refused.params.get("why", refused)))
    except TimeoutError:
        return Outcome(kind="failed", why=f"no end after {step.timeout:g} s")
    except Exception as error:  # noqa: BLE001 - counted, shown and tried again: the saga's row is where it is dealt with
        log.warning("a step of a saga failed", saga=kept.id, step=step.name, error=repr(error))
        return Outcome(kind="failed", why=f"{type(error).__name__}: {error}"[:500])


async def _run(step: Step, running: Running) -> Outcome:
    assert step.action is not None
    more = await step.action(running)
    return (
        Outcome(kind="again", after=more.after, deadline=more.deadline)
        if isinstance(more, Again)
        else Outcome(kind="done")
    )


async def _undo(step: Step, task: Task, running: Running) -> Outcome:
    assert step.compensation is not None
    known = task.kept.steps[task.move.place].state == "done"
    if not known and step.look is not None and not await step.look(running):
        return Outcome(kind="absent")
    await step.compensation(running)
    return Outcome(kind="undone")


def jobs(definitions: Iterable[Definition]) -> tuple[JobSpec, ...]:
    """The jobs of a worker that knows these definitions."""
    return (JobSpec(ADVANCE, partial(advance, registry(*definitions)), queue=QUEUE, backoff=ENDLESS),)
