"""Sagas for tests: steps that note what they did in a list, and fail as they are told."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.permissions import LOCAL_OWNER
from rtp.sagas import jobs as saga_jobs
from rtp.sagas import service
from rtp.sagas.errors import StepRefused
from rtp.sagas.schemas import SagaDetail, StepKind
from rtp.sagas.spec import Again, Definition, Running, Step
from rtp.testing import money

Plot = dict[str, list[Any]]
"""What becomes of each attempt at a step, by its name; `undo NAME` and `look NAME` too. Empty: it goes well."""


@dataclass
class Stage:
    """A world of named effects, and a saga on it that follows a plot."""

    frames: Frames
    plot: dict[str, deque[Any]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    effects: set[str] = field(default_factory=set)
    kinds: dict[str, StepKind] = field(
        default_factory=lambda: {"hold": "reversible", "book": "reversible", "pay": "pivot", "mail": "retryable"}
    )
    options: dict[str, Any] = field(default_factory=dict)
    looked_for: tuple[str, ...] = ()

    def told(self, plot: Plot) -> None:
        """What happens from now on."""
        self.plot = {name: deque(turns) for name, turns in plot.items()}

    def _next(self, name: str) -> Any:
        turns = self.plot.get(name)
        return turns.popleft() if turns else None

    def _take_effect(self, name: str, key: str) -> None:
        if key not in self.effects:
            self.done.append(name)
        self.effects.add(key)

    def _step(self, name: str, kind: StepKind) -> Step:
        async def act(running: Running) -> Again | None:
            told = self._next(name)
            if told != "lost before" and not isinstance(told, StepRefused):
                self._take_effect(name, running.key)
            if isinstance(told, BaseException):
                raise told
            if told in {"lost before", "lost after"}:
                raise ConnectionError(told)
            return told if isinstance(told, Again) else None

        async def undo(running: Running) -> None:
            if self._next(f"undo {name}") is not None:
                raise ConnectionError("no way back yet")
            if running.key in self.effects:
                self.done.append(f"undo {name}")
            self.effects.discard(running.key)

        async def look(running: Running) -> bool:
            if self._next(f"look {name}") == "late success":
                self.effects.add(running.key)
            return running.key in self.effects

        return Step(
            name,
            kind,
            act,
            compensation=undo if kind == "reversible" else None,
            look=look if name in self.looked_for else None,
            retries=2,
        )

    def definition(self, version: int = 1) -> Definition:
        """The saga as it is declared."""
        steps = tuple(self._step(name, kind) for name, kind in self.kinds.items())
        return Definition("tests.stage", version, steps, **self.options)

    async def start(self, version: int = 1) -> str:
        """Begin one; its id."""
        about: dict[str, Any] = {"operation": "tests.start", "principal": LOCAL_OWNER, "trace": trace.start()}
        async with self.frames.writing(**about) as frame:
            return (await service.start(frame, self.definition(version), subject="test_1", data={})).id

    async def work(self, *versions: int, most: int = 300) -> int:
        """Let a worker run that knows these versions, until no job is left, or it ran so many."""
        specs = saga_jobs.jobs([self.definition(version) for version in versions or (1,)])
        return await money.run_jobs(self.frames, None, specs, most=most)

    async def shown(self, saga: str) -> SagaDetail:
        """The saga as it stands."""
        about: dict[str, Any] = {"operation": "tests.show", "principal": LOCAL_OWNER, "trace": trace.start()}
        async with self.frames.reading(**about) as frame:
            return await service.show(frame, saga)


@pytest.fixture
def stage(frames: Frames) -> Stage:
    return Stage(frames)
