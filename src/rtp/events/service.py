"""Use cases of events."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.events import repository
from rtp.events.schemas import Event
from rtp.operations import Page


async def page(frame: Frame, page: PageRequest, *, type: str = "", aggregate: str = "") -> Page[Event]:
    """One page of events."""
    return await repository.page(frame, page, type=type, aggregate=aggregate)
