"""What crosses the API about sagas, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from rtp.operations import listing, read, write

SagaState = Literal["pending", "running", "compensating", "succeeded", "compensated", "stuck"]
StepState = Literal["pending", "running", "done", "failed", "compensated"]
StepKind = Literal["reversible", "pivot", "retryable"]
Direction = Literal["forward", "back"]


class SagaStep(Struct, kw_only=True, frozen=True):
    """One step: `touched` says that it did, or may have done, something, `failures` counts those since it last moved.

    `looks` counts how often the outcome of a step that ended unknown was looked for.
    """

    name: str
    kind: StepKind
    state: StepState
    touched: bool
    failures: int
    looks: int
    error: str
    started_at: datetime | None
    ended_at: datetime | None


class Saga(Struct, kw_only=True):
    """Work in several steps on `subject`; `step` is the one at hand, `next_at` when it is looked at again."""

    id: str
    name: str
    definition_version: int
    subject: str
    state: SagaState
    direction: Direction
    step: str
    cancelling: bool
    error: str
    created_by: str
    version: int
    created_at: datetime
    deadline_at: datetime
    next_at: datetime
    ended_at: datetime | None


class SagaDetail(Saga, kw_only=True):
    """A saga with its steps in their order."""

    steps: list[SagaStep]


LIST = listing("sagas.list", "/sagas", Saga)
SHOW = read("sagas.show", "/sagas/{saga}", SagaDetail)
RETRY = write("sagas.retry", "POST", "/sagas/{saga}/retry", Saga)
CANCEL = write("sagas.cancel", "POST", "/sagas/{saga}/cancel", Saga)
