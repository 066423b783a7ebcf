"""Use cases of reconciliation: keep what a run found, and show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec import structs

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.operations import Page
from rtp.reconciliation import aside_repository, policy, repository
from rtp.reconciliation.errors import ReconcileRunNotFound
from rtp.reconciliation.schemas import Difference, Look, Run, RunLine

Sought = TypeVar("Sought")
LATEST = policy.LATEST
LOOKED_AT = 100
"""Runs among which the last long look is sought; where more came since, it is made anew."""
FIRST = 5
"""Runs among which what is left open mostly is; each may hold hundreds of differences."""


async def keep_look(frame: Frame, look: Look) -> Run:
    """Keep what a look found; differences that were not known before are an event."""
    before = await repository.newest(frame, LOOKED_AT)
    left = policy.rest(before)
    earlier = [*before[:1], *([left.run] if left is not None else [])]
    known = {policy.digest(one) for run in earlier for one in run.differences}
    run = await repository.add(frame, "look", look, left_open=look.found)
    if any(policy.digest(one) not in known for one in look.differences):
        frame.record("reconciliation.differs", run.id, 0, after=structs.replace(run, differences=run.differences[:20]))
    return run


async def keep_mend(frame: Frame, planned: Look, done: Sequence[Difference]) -> Run:
    """Keep what became of each difference of a plan."""
    left = sum(one.outcome in policy.LEFT for one in done) + planned.left_out
    aside = planned.set_aside + sum(one.outcome == "set_aside" for one in done)
    look = structs.replace(planned, differences=list(done), set_aside=aside)
    run = await repository.add(frame, "mend", look, left_open=left)
    frame.record("reconciliation.mended", run.id, 0, after=structs.replace(run, differences=run.differences[:20]))
    return run


async def show(frame: Frame, key: str) -> Run:
    """A run with its differences.

    Raises: ReconcileRunNotFound.
    """
    found = await repository.find(frame, ids.parse_or("rec", key, ReconcileRunNotFound))
    if found is None:
        raise ReconcileRunNotFound(key=key)
    return found


async def page(frame: Frame, page: PageRequest) -> Page[RunLine]:
    """One page of runs, newest first."""
    return await repository.page(frame, page)


async def open_asides(frame: Frame) -> int:
    """How many differences were set aside and wait for a person."""
    return await aside_repository.open_count(frame)


async def seen_to(frame: Frame, provider: str, keys: Sequence[str]) -> set[str]:
    """Of these keys of a provider, those whose difference a person has closed; one that changes is found at night."""
    return await aside_repository.closed(frame, provider, keys)


async def reach(frame: Frame) -> datetime:
    """From when on the job compares this time: a week, and once a week 90 days."""
    return policy.reach(frame.now, await repository.newest(frame, LOOKED_AT))


async def last(frame: Frame) -> Run | None:
    """The last run, of whatever kind; None before the first."""
    found = await repository.newest(frame)
    return found[0] if found else None


async def compared(frame: Frame) -> Run | None:
    """The last run that compared at least what the job compares each night; None before the first."""
    return await _among_newest(frame, policy.whole)


async def left_open(frame: Frame) -> tuple[str, int] | None:
    """The run that left open what no later one mended or looked at again, and how much of it; None where nothing is."""
    left = await _among_newest(frame, policy.rest)
    return None if left is None else (left.run.id, left.count)


async def _among_newest(frame: Frame, sought: Callable[[Sequence[Run]], Sought | None]) -> Sought | None:
    found = sought(await repository.newest(frame, FIRST))
    return found if found is not None else sought(await repository.newest(frame, LOOKED_AT))
