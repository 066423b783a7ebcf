"""How an area declares its sagas: steps as data with a version, and what a running step is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rtp.db.frame import Frame
from rtp.jobs.spec import Context
from rtp.permissions import WORKER, Principal
from rtp.sagas import repository
from rtp.sagas.errors import TurnPassed
from rtp.sagas.policy import LOOK_AFTER
from rtp.sagas.schemas import StepKind

DAY = 86_400.0


@dataclass(frozen=True)
class Running:
    """A step as its action sees it; `key` is the same for every attempt, and the name of its effect to others."""

    context: Context
    saga: str
    turn: int
    name: str
    step: str
    subject: str
    data: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Saga and step."""
        return f"{self.saga}:{self.step}"

    @asynccontextmanager
    async def writing(self, principal: Principal = WORKER) -> AsyncIterator[Frame]:
        """A frame that commits only while the turn is this worker's: one that was taken for dead changes nothing.

        Raises: TurnPassed.
        """
        frames, trace = self.context.frames, self.context.trace
        operation = f"saga:{self.name}.{self.step}"
        async with frames.writing(operation=operation, principal=principal, trace=trace) as frame:
            if not await repository.holds(frame, self.saga, self.turn):
                raise TurnPassed(key=self.saga, turn=self.turn)
            yield frame


@dataclass(frozen=True)
class Again:
    """What an action returns that has more to do, so many seconds later.

    `deadline` is when the saga is late, where that is later than its definition says: as one that waits for people.
    """

    after: float = 0.0
    deadline: datetime | None = None


Action = Callable[[Running], Awaitable[Again | None]]
Compensation = Callable[[Running], Awaitable[None]]
Look = Callable[[Running], Awaitable[bool]]


@dataclass(frozen=True)
class Step:
    """One step: what does it, what undoes it, and what finds out whether it happened after all.

    Each is idempotent by `Running.key`. An action that raises StepRefused has surely done nothing; whatever else it
    raises, or a `timeout` (seconds), leaves that open: it is tried again, `retries` times if it can still be undone.
    With a `look`, an attempt that ended so is looked for by its key before it is undone, as often as the definition
    says; without one its compensation is called at once, and must find out by itself. A first step without an action is
    what the frame that starts the saga does itself.
    """

    name: str
    kind: StepKind
    action: Action | None
    compensation: Compensation | None = None
    look: Look | None = None
    timeout: float = 60.0
    retries: int = 5


@dataclass(frozen=True)
class Definition:
    """A saga as data: reversible steps, then at most one pivot, then retryable ones; all within `deadline` seconds,
    unless a step says otherwise (`Again`).

    A definition that changes gets a new version, and the one before stays declared while sagas of it are under way.
    Somebody is called after `page_after` failures in a row. Raises: ValueError for another order of steps.
    """

    name: str
    version: int
    steps: tuple[Step, ...]
    deadline: float = DAY
    page_after: int = 8
    looks: tuple[float, ...] = LOOK_AFTER

    def __post_init__(self) -> None:
        kinds = [step.kind for step in self.steps]
        order = ["reversible", "pivot", "retryable"]
        if not kinds or kinds != sorted(kinds, key=order.index) or kinds.count("pivot") > 1:
            raise ValueError(f"{self.name}: reversible steps, one pivot, retryable steps, in this order")
        if "retryable" in kinds and "pivot" not in kinds:
            raise ValueError(f"{self.name}: steps after which nothing is undone need a pivot before them")
        if missing := [step.name for step in self.steps if (step.kind == "reversible") != bool(step.compensation)]:
            raise ValueError(f"{self.name}: a reversible step, and no other, has a compensation: {', '.join(missing)}")
        given = [step.name for step in self.steps if step.action is None]
        if given not in ([], [self.steps[0].name]) or (given and kinds[0] != "reversible"):
            raise ValueError(f"{self.name}: only a first, reversible step can be done by the frame that starts it")
        if len({step.name for step in self.steps}) < len(self.steps):
            raise ValueError(f"{self.name}: two steps bear one name")


Registry = Mapping[tuple[str, int], Definition]


def registry(*definitions: Definition) -> Registry:
    """Definitions by name and version."""
    return {(one.name, one.version): one for one in definitions}
