"""Use cases of events."""

from __future__ import annotations

from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.events import relay, repository
from rtp.events.schemas import Event
from rtp.operations import Page


async def find(frame: Frame, event_id: UUID) -> Event | None:
    """The event with this id, or None when it never was or is no longer kept."""
    return await repository.find(frame, event_id)


async def page(frame: Frame, page: PageRequest, *, type: str = "", aggregate: str = "") -> Page[Event]:
    """One page of events."""
    return await repository.page(frame, page, type=type, aggregate=aggregate)


async def lag(frame: Frame) -> dict[str, float]:
    """Seconds since the oldest event that each consumer has not had; 0 when it has had all."""
    return await relay.lag(frame)
