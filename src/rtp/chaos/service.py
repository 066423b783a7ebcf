"""Use cases of experiments on the server: it remembers who ran what; the breaking is done where the processes are."""

from __future__ import annotations

import msgspec

from rtp.chaos import planning
from rtp.chaos.errors import RunNotFound
from rtp.chaos.schemas import EXIT_CODES, ChaosRun, Experiment, RecordRun
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.errors import InvalidInput
from rtp.events import service as events
from rtp.events.schemas import Event
from rtp.kit import ids, paging
from rtp.operations import Page
from rtp.settings import Settings

RAN = "chaos.ran"


def experiments(settings: Settings, page: PageRequest) -> Page[Experiment]:
    """One page of the experiments of the instance and the shipped ones, by name.

    Raises: InvalidInput for a bad cursor.
    """
    try:
        after = str(paging.verify(page.secret, page.operation, page.cursor)[0]) if page.cursor else ""
    except paging.BadCursor as error:
        raise InvalidInput(what=f"cursor: {error}", fields={"cursor": "not valid here"}) from error
    if page.sort not in ("", "name"):
        raise InvalidInput(what=f"sort {page.sort!r}; known is name", fields={"sort": "unknown"})
    found = [one for one in planning.listed(settings) if one.name > after]
    shown = found[: page.limit]
    more = len(found) > len(shown)
    return Page(items=shown, next=paging.sign(page.secret, page.operation, [shown[-1].name]) if more else None)


async def record(frame: Frame, request: RecordRun) -> ChaosRun:
    """Remember a run; it becomes an event and the one audit row that says who broke what."""
    run = ChaosRun(
        id=request.id or ids.show("run", frame.ids.uuid()),
        name=request.name,
        verdict=request.verdict,
        exit_code=EXIT_CODES[request.verdict],
        rollbacks=request.rollbacks,
        reasons=request.reasons,
        journal=request.journal,
        started_at=request.started_at or frame.now,
        ended_at=request.ended_at or frame.now,
    )
    frame.record(RAN, run.id, 1, after=run)
    return run


async def page(frame: Frame, page: PageRequest) -> Page[ChaosRun]:
    """One page of runs, newest first."""
    found = await events.page(frame, page, type=RAN)
    return Page(items=[_run(event) for event in found.items], next=found.next)


async def show(frame: Frame, key: str) -> ChaosRun:
    """One run.

    Raises: RunNotFound.
    """
    one = PageRequest(operation="chaos.show", secret=b"", limit=1)
    found = await events.page(frame, one, type=RAN, aggregate=key)
    if not found.items:
        raise RunNotFound(noun="run", key=key)
    return _run(found.items[0])


def _run(event: Event) -> ChaosRun:
    return msgspec.convert(event.payload["after"], ChaosRun)
