"""Use cases of load tests on the server: a token for the run, and the memory of who sent load to whom."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of_items
from rtp.events import service as events
from rtp.events.schemas import Event
from rtp.kit import ids
from rtp.loadtests import profiles
from rtp.loadtests.errors import LoadRunFinished, LoadRunNotFound
from rtp.loadtests.schemas import LoadRun, LoadTest, StartedLoad, StartLoad
from rtp.operations import Page
from rtp.settings import Settings
from rtp.tokens import service as tokens
from rtp.tokens.errors import TokenAlreadyRevoked
from rtp.tokens.schemas import CreateToken

STARTED, RAN = "load.started", "load.ran"


def known(settings: Settings, page: PageRequest) -> Page[LoadTest]:
    """One page of the load tests of the instance and the shipped ones, by name.

    Raises: InvalidInput for a bad cursor or sort.
    """
    found = profiles.listed(settings.home_folder(), "instance", "shipped")
    return page_of_items(page, found, lambda one: one.name)


async def start(frame: Frame, request: StartLoad) -> StartedLoad:
    """Let a run begin: it gets a token of its role, which ends by itself after an hour.

    Raises: RoleAboveOwn.
    """
    run_id = ids.show("run", frame.ids.uuid())
    token = await tokens.create(frame, CreateToken(name=f"load test {run_id}", role=request.role, expires="1h"))
    noted = msgspec.to_builtins(request) | {"token_id": token.id}
    frame.record(STARTED, run_id, 1, after=noted)
    return StartedLoad(id=run_id, name=request.name, role=request.role, token_id=token.id, token=token.token)


async def finish(frame: Frame, run: LoadRun) -> LoadRun:
    """Remember how a run ended, and end its token.

    Raises: LoadRunNotFound, LoadRunFinished.
    """
    begun = await _newest(frame, STARTED, run.id)
    if begun is None:
        raise LoadRunNotFound(noun="run", key=run.id or "without an id")
    if await _newest(frame, RAN, run.id) is not None:
        raise LoadRunFinished(noun="run", key=run.id)
    with suppress(TokenAlreadyRevoked):
        await tokens.revoke(frame, begun.payload["after"]["token_id"])
    frame.record(RAN, run.id, 2, after=run)
    return run


async def page(frame: Frame, page: PageRequest) -> Page[LoadRun]:
    """One page of finished runs, newest first."""
    found = await events.page(frame, page, type=RAN)
    return Page(items=[_run(event) for event in found.items], next=found.next)


async def show(frame: Frame, key: str) -> LoadRun:
    """One finished run.

    Raises: LoadRunNotFound.
    """
    event = await _newest(frame, RAN, key)
    if event is None:
        raise LoadRunNotFound(noun="run", key=key)
    return _run(event)


async def _newest(frame: Frame, type: str, run_id: str) -> Event | None:
    one = PageRequest(operation="loadtests.show", secret=b"", limit=1)
    found = await events.page(frame, one, type=type, aggregate=run_id) if run_id else Page[Event](items=[])
    return found.items[0] if found.items else None


def _run(event: Event) -> LoadRun:
    return msgspec.convert(event.payload["after"], LoadRun)
