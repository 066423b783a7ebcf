"""Routes of deliveries: those of endpoints, and those that a listener takes."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import trace as traces
from rtp.operations import Page
from rtp.permissions import WORKER
from rtp.webhooks import deliveries, listening, resending, schemas
from rtp.webhooks.schemas import (
    Delivery,
    DeliveryDetail,
    DeliveryState,
    DueDeliveries,
    Reported,
    ReportTried,
    Resend,
    Resent,
)
from rtp_server.operation import operation
from rtp_server.state import State

LOOK_SECONDS = 0.3
EndpointId = Annotated[str, QueryParameter(max_length=40, description="Id of an endpoint.")]
EventId = Annotated[str, QueryParameter(max_length=40, description="Id of an event.")]
Type = Annotated[str, QueryParameter(max_length=100, description="Such as refund.succeeded.")]
Listeners = Annotated[list[str], QueryParameter(min_items=1, max_items=20, description="Endpoints that listen.")]
Wait = Annotated[float, QueryParameter(ge=0, le=25, description="Longest wait for one, in seconds.")]


@operation(schemas.DELIVERIES_LIST)
async def list_deliveries(
    frame: Frame,
    page: PageRequest,
    endpoint: EndpointId = "",
    event: EventId = "",
    type: Type = "",
    state: DeliveryState | None = None,
) -> Page[Delivery]:
    """List deliveries, newest first."""
    return await deliveries.page(frame, page, endpoint=endpoint, event=event, type=type, state=state)


@operation(schemas.DELIVERIES_SHOW)
async def show(frame: Frame, delivery: str) -> DeliveryDetail:
    """Show a delivery, what is sent, and each attempt."""
    return await deliveries.show(frame, delivery)


@operation(schemas.RESEND)
async def resend(frame: Frame, data: Resend) -> Resent:
    """Send again what an endpoint had, or missed."""
    return await resending.resend(frame, data)


@operation(schemas.DUE)
async def due(state: State, endpoint: Listeners, wait: Wait = 0) -> DueDeliveries:
    """Take what is due for listeners, waiting for it if need be."""
    trace = traces.current.get() or traces.start()
    async with state.frames.writing(operation=schemas.DUE.id, principal=WORKER, trace=trace) as frame:
        await listening.keep(frame, endpoint)
    until = asyncio.get_running_loop().time() + wait
    while True:
        async with state.frames.reading(operation=schemas.DUE.id, principal=WORKER, trace=trace) as frame:
            found = await listening.due(frame, endpoint)
        if found.items or asyncio.get_running_loop().time() >= until:
            return found
        await asyncio.sleep(LOOK_SECONDS)


@operation(schemas.REPORT)
async def report(frame: Frame, data: ReportTried) -> Reported:
    """Note what came of forwarded messages."""
    return await listening.report(frame, data)


HANDLERS = (list_deliveries, show, resend, due, report)
