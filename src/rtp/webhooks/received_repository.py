"""Every query on received webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.partitions import lowest_id
from rtp.kit import ids
from rtp.operations import Page
from rtp.payments.ports import ProviderEvent
from rtp.webhooks import received_policy as policy
from rtp.webhooks.model import received
from rtp.webhooks.schemas import Received, ReceivedDetail, ReceivedState

_WIDE = {"body", "headers", "event"}
_COLUMNS = [column for column in received.c if column.name not in _WIDE]
"""What a list reads: a body may be long."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A received event with the object that it tells of."""

    shown: Received
    event: ProviderEvent | None


def _to_received(row: Row[Any]) -> Received:
    return Received(**_fields(row))


def _fields(row: Row[Any]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in Received.__struct_fields__ if name != "id"}
    return {"id": ids.show("whr", row.id), **values}


async def add(frame: Frame, **values: Any) -> Received | None:
    """Insert an event; None when this provider sent it before."""
    query = insert(received).values(id=frame.ids.uuid(), received_at=frame.now, version=1, **values)
    query = query.on_conflict_do_nothing(index_elements=["event_id", "provider"])
    row = await frame.first(query.returning(*_COLUMNS))
    return None if row is None else _to_received(row)


async def of_event(frame: Frame, event_id: str, provider: str = "") -> list[Received]:
    """The events that providers, or this one, sent under an id of theirs."""
    query = matching(select(*_COLUMNS).where(received.c.event_id == event_id), (received.c.provider, provider))
    return [_to_received(row) for row in await frame.all(query.order_by(received.c.id))]


async def unmatched(frame: Frame, provider: str, about: str) -> list[Received]:
    """The events about something that only this provider has, held for this transaction."""
    query = select(*_COLUMNS).where(
        received.c.provider == provider, received.c.about == about, received.c.state == "unmatched"
    )
    return [_to_received(row) for row in await frame.all(query.order_by(received.c.id).with_for_update())]


async def find(frame: Frame, received_id: UUID) -> ReceivedDetail | None:
    """The event with what came over the wire, as it may be seen."""
    row = await frame.first(select(received).where(received.c.id == received_id))
    if row is None:
        return None
    try:
        body = policy.shown(msgspec.json.decode(row.body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = policy.shown(row.body.decode(errors="replace"))
    return ReceivedDetail(**_fields(row), headers=policy.shown(row.headers), body=body)


async def lock(frame: Frame, received_id: UUID) -> Stored | None:
    """The event, held for this transaction."""
    query: Select[Any] = select(*_COLUMNS, received.c.event).where(received.c.id == received_id).with_for_update()
    row = await frame.first(query)
    if row is None:
        return None
    event = None if row.event is None else msgspec.convert(row.event, ProviderEvent)
    return Stored(shown=_to_received(row), event=event)


async def change(frame: Frame, received_id: UUID, **values: Any) -> Received:
    """Change columns and take the next version."""
    query = update(received).where(received.c.id == received_id)
    query = query.values(**values, version=received.c.version + 1).returning(*_COLUMNS)
    return _to_received((await frame.execute(query)).one())


async def forget(frame: Frame, limit: int, before: datetime) -> int:
    """Delete some events that had their effect, or never any, before a time, and came before it; how many."""
    over = func.coalesce(received.c.processed_at, received.c.received_at) < before
    query = select(received.c.id).where(
        received.c.state.in_(["processed", "ignored"]), received.c.id < lowest_id(before), over
    )
    chosen = query.order_by(received.c.id).limit(limit).with_for_update(skip_locked=True)
    gone = await frame.execute(delete(received).where(received.c.id.in_(chosen)).returning(received.c.id))
    return len(gone.all())


async def page(
    frame: Frame, page: PageRequest, *, state: ReceivedState | None, type: str, provider: str, about: str
) -> Page[Received]:
    """One page of received events; a type that ends in `.*` means all of its noun."""
    query = matching(
        select(*_COLUMNS), (received.c.state, state), (received.c.provider, provider), (received.c.about, about)
    )
    if type.endswith(".*"):
        query = query.where(received.c.type.startswith(type[:-1], autoescape=True))
    elif type:
        query = query.where(received.c.type == type)
    return await page_of(frame, page, query, key=received.c.id, time=received.c.received_at, build=_to_received)
