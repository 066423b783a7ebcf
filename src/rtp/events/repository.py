"""Every query on events; the rows themselves are written by the frame."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.records import events
from rtp.events.schemas import Event
from rtp.kit import ids
from rtp.operations import Page


def to_event(row: Row[Any]) -> Event:
    """A row as the struct that leaves the repository."""
    return Event(
        id=ids.show("evt", row.id),
        type=row.type,
        aggregate_id=row.aggregate_id,
        version=row.version,
        timestamp=row.timestamp,
        payload=row.payload,
        metadata=row.metadata,
    )


async def find(frame: Frame, event_id: UUID) -> Event | None:
    """The event with this id, while its partition is kept."""
    row = await frame.first(select(events).where(events.c.id == event_id))
    return None if row is None else to_event(row)


async def page(frame: Frame, page: PageRequest, *, type: str, aggregate: str) -> Page[Event]:
    """One page of events, newest first."""
    query = matching(select(events), (events.c.type, type), (events.c.aggregate_id, aggregate))
    return await page_of(frame, page, query, key=events.c.id, time=events.c.timestamp, build=to_event)
