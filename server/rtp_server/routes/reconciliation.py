"""Routes of reconciliation: the provider is asked outside of any frame."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.reconciliation import closing, schemas, service
from rtp.reconciliation.schemas import Aside, AsideState, CloseAside, Look, Run, RunLine, RunReconcile
from rtp_server import reconciling
from rtp_server.operation import operation
from rtp_server.state import State

Since = Annotated[str, QueryParameter(min_length=2, max_length=40, description="From this instant or age (24h, 7d).")]
Provider = Annotated[str, QueryParameter(max_length=40, description="Name of a provider; this one's without.")]


@operation(schemas.CHECK)
async def check(state: State, since: Since = "7d", provider: Provider = "") -> Look:
    """Compare the provider's record with ours, in both directions; changes nothing."""
    return await reconciling.look(state, RunReconcile(since=since, provider=provider))


@operation(schemas.RUN, outside=reconciling.run)
async def run(frame: Frame, data: RunReconcile) -> Run:
    """Plan what mends the differences, or carry such a plan out; nothing is changed without one."""
    raise AssertionError("runs outside of a frame")


@operation(schemas.LIST)
async def list_runs(frame: Frame, page: PageRequest) -> Page[RunLine]:
    """List reconciliations, newest first."""
    return await service.page(frame, page)


@operation(schemas.SHOW)
async def show(frame: Frame, run: str) -> Run:
    """Show a reconciliation, and what became of each difference."""
    return await service.show(frame, run)


@operation(schemas.ASIDE_LIST)
async def list_aside(frame: Frame, page: PageRequest, state: AsideState | None = None) -> Page[Aside]:
    """List the differences that were set aside for a person, newest first."""
    return await closing.page(frame, page, state=state)


@operation(schemas.ASIDE_SHOW)
async def show_aside(frame: Frame, aside: str) -> Aside:
    """Show a difference that was set aside, and how it was closed."""
    return await closing.show(frame, aside)


@operation(schemas.ASIDE_CLOSE)
async def close_aside(frame: Frame, aside: str, data: CloseAside) -> Aside:
    """Close a difference that a person has seen to."""
    return await closing.close(frame, aside, data)


HANDLERS = (check, run, list_runs, show, list_aside, show_aside, close_aside)
