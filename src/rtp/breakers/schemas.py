"""What crosses the API about circuit breakers, what a process reports of one, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from rtp.operations import listing, read, write

Circuit = Literal["closed", "open", "half_open"]
OUTCOMES = ("success", "failure", "timeout", "rejected", "over_capacity")
"""How a call can end: answered, failed, not in time, or not begun because the circuit was open or all places taken."""


class Breaker(Struct, kw_only=True):
    """The breaker of one process towards one peer, as the process told at `seen_at`.

    `fires` and `failures` are those of the last 10 seconds, `calls` all since the process began, by outcome.
    """

    id: str
    name: str
    process: str
    circuit: Circuit
    since: datetime
    half_open_at: datetime | None
    fires: int
    failures: int
    calls: dict[str, int]
    reset: Literal["none", "asked"]
    version: int
    seen_at: datetime


class BreakerState(Struct, kw_only=True):
    """The breakers of a name, or the one of an id, together: open where one is, and whether a reset is on its way."""

    id: str
    circuit: Circuit
    processes: int
    reset: Literal["none", "asked"]


class BreakerDetail(BreakerState, kw_only=True):
    """The same with the breaker of each process."""

    breakers: list[Breaker]


class Move(Struct, frozen=True, kw_only=True):
    """A change of a breaker's state, so many seconds before its process reports it."""

    to: Circuit
    seconds_ago: float


class Reading(Struct, frozen=True, kw_only=True):
    """What a process reports of a breaker: where it stands, its moves since the last report, what was counted."""

    name: str
    circuit: Circuit
    since_seconds: float
    half_open_in: float
    fires: int
    failures: int
    calls: dict[str, int]
    moves: list[Move]
    resets_done: int


LIST = listing("breakers.list", "/breakers", Breaker)
SHOW = read("breakers.show", "/breakers/{breaker}", BreakerDetail)
RESET = write("breakers.reset", "POST", "/breakers/{breaker}/reset", BreakerState)
