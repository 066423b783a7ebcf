"""Routes of load tests."""

from __future__ import annotations

import asyncio

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.loadtests import schemas, service
from rtp.loadtests.schemas import LoadRun, LoadTest, StartedLoad, StartLoad
from rtp.operations import Page
from rtp_server.operation import operation
from rtp_server.state import State


@operation(schemas.LIST)
async def list_loadtests(state: State, page: PageRequest) -> Page[LoadTest]:
    """List the load tests of the server's instance and the shipped ones."""
    return await asyncio.to_thread(service.known, state.settings, page)


@operation(schemas.START)
async def start(frame: Frame, data: StartLoad) -> StartedLoad:
    """Let a load test begin, with a token of its own."""
    return await service.start(frame, data)


@operation(schemas.FINISH)
async def finish(frame: Frame, data: LoadRun) -> LoadRun:
    """Remember how a load test ended, and end its token."""
    return await service.finish(frame, data)


@operation(schemas.HISTORY)
async def history(frame: Frame, page: PageRequest) -> Page[LoadRun]:
    """List finished load tests, newest first."""
    return await service.page(frame, page)


@operation(schemas.SHOW)
async def show(frame: Frame, run: str) -> LoadRun:
    """Show a finished load test."""
    return await service.show(frame, run)


HANDLERS = (list_loadtests, start, finish, history, show)
