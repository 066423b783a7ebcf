"""Use cases of breakers: take in what processes report, show it, and ask them to close one."""

from __future__ import annotations

from rtp.breakers import policy, repository
from rtp.breakers.errors import BreakerClosed, BreakerNotFound
from rtp.breakers.schemas import Breaker, BreakerDetail, BreakerState, Circuit, Reading
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.jobs import service as jobs
from rtp.kit import ids
from rtp.kit.clock import to_text
from rtp.operations import Page

_PAST: dict[Circuit, str] = {"open": "opened", "half_open": "half_open", "closed": "closed"}


async def report(frame: Frame, process: str, readings: list[Reading]) -> dict[str, int]:
    """Take in what a process says of its breakers; by name, how often a reset was asked of each.

    Where one has closed, the jobs that waited for its peer run now.
    """
    await repository.forget_silent(frame)
    asked = {}
    for reading in readings:
        breaker, asked[reading.name] = await repository.put(frame, process, reading)
        closed = any(move.to == "closed" for move in reading.moves)
        hastened = await jobs.hasten_retries(frame, policy.queue_of(reading.name)) if closed else 0
        _record(frame, breaker, reading, hastened)
    return asked


async def leave(frame: Frame, process: str) -> None:
    """Forget the breakers of a process that ends in order."""
    await repository.forget(frame, process)


async def show(frame: Frame, key: str) -> BreakerDetail:
    """The breakers of a name in all processes, or the one of an id.

    Raises: BreakerNotFound.
    """
    found = await _find(frame, key)
    state = policy.together(key, found)
    return BreakerDetail(id=key, circuit=state.circuit, processes=state.processes, reset=state.reset, breakers=found)


async def page(frame: Frame, page: PageRequest, *, circuit: Circuit | None = None) -> Page[Breaker]:
    """One page of breakers."""
    return await repository.page(frame, page, circuit=circuit)


async def every(frame: Frame) -> list[Breaker]:
    """The breakers of all living processes."""
    return await repository.every(frame)


async def reset(frame: Frame, key: str) -> BreakerState:
    """Ask each process whose breaker is not closed to close it; it does so within a second.

    Raises: BreakerNotFound, BreakerClosed.
    """
    found = await _find(frame, key, lock=True)
    waiting = [one for one in found if one.circuit != "closed"]
    if not waiting:
        raise BreakerClosed(key=key)
    for before in waiting:
        after = await repository.ask_reset(frame, ids.parse("brk", before.id))
        frame.record("breaker.reset", after.id, after.version, before=_seen(before), after=_seen(after))
    return policy.together(key, await _find(frame, key))


async def _find(frame: Frame, key: str, *, lock: bool = False) -> list[Breaker]:
    try:
        found = await repository.of_key(frame, key, lock=lock)
    except ids.WrongId as error:
        raise BreakerNotFound(key=key) from error
    if not found:
        raise BreakerNotFound(key=key)
    return found


def _record(frame: Frame, breaker: Breaker, reading: Reading, hastened: int) -> None:
    """One event for each move, in order; all of them in one report share its instant and tell their own."""
    first = breaker.version - len(reading.moves) + 1
    for number, move in enumerate(reading.moves):
        at = to_text(frame.after(-move.seconds_ago))
        after: dict[str, object] = {"name": breaker.name, "process": breaker.process, "circuit": move.to, "at": at}
        if move.to == "closed":
            after["hastened"] = hastened
        frame.record(f"breaker.{_PAST[move.to]}", breaker.id, first + number, after=after)


def _seen(breaker: Breaker) -> dict[str, str]:
    """What is compared and kept of a breaker: not its counts and times, which a plan cannot foresee."""
    return {"name": breaker.name, "process": breaker.process, "circuit": breaker.circuit, "reset": breaker.reset}
