"""Routes of events."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.events import schemas, service
from rtp.events.schemas import Event
from rtp.operations import Page
from rtp_server.operation import operation

Type = Annotated[str, QueryParameter(max_length=100, description="Such as user.created.")]
Aggregate = Annotated[str, QueryParameter(max_length=100, description="Id of what it happened to.")]


@operation(schemas.LIST)
async def list_events(frame: Frame, page: PageRequest, type: Type = "", aggregate: Aggregate = "") -> Page[Event]:
    """List domain events, newest first."""
    return await service.page(frame, page, type=type, aggregate=aggregate)


HANDLERS = (list_events,)
