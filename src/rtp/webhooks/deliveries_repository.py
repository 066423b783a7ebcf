"""Every query on deliveries and their attempts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.records import events
from rtp.db.rows import find_row
from rtp.kit import ids
from rtp.operations import Page
from rtp.webhooks.model import attempts, deliveries, endpoints
from rtp.webhooks.schemas import Attempt, Delivery, DeliveryState

CHUNK = 1000


class Wanted(NamedTuple):
    """An event that is to go to an endpoint."""

    endpoint_id: UUID
    event_id: UUID
    type: str


class Held(NamedTuple):
    """A delivery as it stands, with the number of tries in this round."""

    uuid: UUID
    endpoint_id: UUID
    event_id: UUID
    tries: int
    shown: Delivery


def to_delivery(row: Row[Any]) -> Delivery:
    """A row as the struct that leaves the repository."""
    return Delivery(
        id=ids.show("whd", row.id),
        endpoint_id=ids.show("we", row.endpoint_id),
        event_id=ids.show("evt", row.event_id),
        type=row.type,
        state=row.state,
        round=row.round,
        attempts=row.attempts,
        last_status=row.last_status,
        last_error=row.last_error,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        settled_at=row.settled_at,
    )


async def add(frame: Frame, wanted: Sequence[Wanted]) -> list[Held]:
    """Insert deliveries that are due now; those that there were already are left as they are."""
    added: list[Held] = []
    for start in range(0, len(wanted), CHUNK):
        values = [
            {"id": frame.ids.uuid(), **one._asdict(), "state": "pending", "created_at": frame.now,
             "next_attempt_at": frame.now}
            for one in wanted[start : start + CHUNK]
        ]  # fmt: skip
        query = upsert(deliveries).values(values).on_conflict_do_nothing(index_elements=["endpoint_id", "event_id"])
        added += [_held(row) for row in (await frame.execute(query.returning(deliveries))).all()]
    return added


async def find(frame: Frame, delivery_id: UUID, *, lock: bool = False) -> Held | None:
    """The delivery with this id; with `lock`, held for this transaction."""
    row = await find_row(frame, deliveries, delivery_id, lock=lock)
    return None if row is None else _held(row)


async def change(frame: Frame, delivery_id: UUID, **values: Any) -> Held:
    """Change columns."""
    query = update(deliveries).where(deliveries.c.id == delivery_id).values(**values).returning(deliveries)
    return _held((await frame.execute(query)).one())


async def begin_again(frame: Frame, delivery_ids: Iterable[UUID]) -> list[Held]:
    """Make deliveries due now, in a new round."""
    query = update(deliveries).where(deliveries.c.id.in_(list(delivery_ids)))
    query = query.values(
        state="pending", round=deliveries.c.round + 1, tries=0, next_attempt_at=frame.now, settled_at=None
    ).returning(deliveries)
    return [_held(row) for row in (await frame.execute(query)).all()]


async def of_event(frame: Frame, event_id: UUID) -> list[Held]:
    """The deliveries of an event."""
    query = select(deliveries).where(deliveries.c.event_id == event_id).order_by(deliveries.c.id)
    return [_held(row) for row in await frame.all(query)]


async def missed(
    frame: Frame, endpoint_id: UUID, since: datetime, nouns: Sequence[str], types: Sequence[str], limit: int
) -> list[tuple[Wanted, UUID | None]]:
    """Events since a time that an endpoint has not taken and nobody is bringing, with the delivery there was."""
    own = (deliveries.c.endpoint_id == endpoint_id) & (deliveries.c.event_id == events.c.id)
    query = (
        select(events.c.id, events.c.type, deliveries.c.id.label("delivery_id"))
        .select_from(events.outerjoin(deliveries, own))
        .where(
            events.c.id >= UUID(int=int(since.timestamp() * 1000) << 80),  # prunes partitions
            events.c.timestamp >= since,
            or_(events.c.aggregate_type.in_(nouns), events.c.type.in_(types)),
            or_(deliveries.c.id.is_(None), deliveries.c.state.in_(["failed", "canceled"])),
        )
        .order_by(events.c.id)
        .limit(limit)
    )
    return [(Wanted(endpoint_id, row.id, row.type), row.delivery_id) for row in await frame.all(query)]


async def due(frame: Frame, endpoint_ids: Sequence[UUID], limit: int) -> list[Held]:
    """What is due for these endpoints, the oldest first."""
    query = select(deliveries).where(
        deliveries.c.endpoint_id.in_(endpoint_ids),
        deliveries.c.state == "pending",
        deliveries.c.next_attempt_at <= frame.now,
    )
    rows = await frame.all(query.order_by(deliveries.c.next_attempt_at, deliveries.c.id).limit(limit))
    return [_held(row) for row in rows]


async def overdue(frame: Frame, before: datetime, limit: int, after: UUID | None) -> list[Held]:
    """What should have been tried long ago, by id."""
    ours = select(literal(1)).where(endpoints.c.id == deliveries.c.endpoint_id, endpoints.c.kind == "endpoint").exists()
    query = select(deliveries).where(_late(before), ours, deliveries.c.id > (after or UUID(int=0)))
    return [_held(row) for row in await frame.all(query.order_by(deliveries.c.id).limit(limit))]


async def make_due(frame: Frame, delivery_ids: Sequence[UUID], before: datetime) -> list[Held]:
    """Make those due now that are overdue still, and that nobody has in hand."""
    free = select(deliveries.c.id).where(deliveries.c.id.in_(delivery_ids), _late(before))
    query = update(deliveries).where(deliveries.c.id.in_(free.with_for_update(skip_locked=True)))
    query = query.values(next_attempt_at=frame.now).returning(deliveries)
    return [_held(row) for row in (await frame.execute(query)).all()]


async def oldest_settled(frame: Frame) -> datetime | None:
    """When that happened whose delivery is the oldest one that came to an end and is kept still."""
    happened = select(events.c.timestamp).where(events.c.id == deliveries.c.event_id).scalar_subquery()
    query = select(func.coalesce(happened, deliveries.c.created_at).label("at")).where(deliveries.c.state != "pending")
    row = await frame.first(query.order_by(deliveries.c.id).limit(1))
    return None if row is None else row.at


async def page(
    frame: Frame, page: PageRequest, *, endpoint_id: UUID | None, event_id: UUID | None, state: DeliveryState | None,
    type: str,
) -> Page[Delivery]:  # fmt: skip
    """One page of deliveries."""
    query = matching(
        select(deliveries),
        (deliveries.c.endpoint_id, endpoint_id),
        (deliveries.c.event_id, event_id),
        (deliveries.c.state, state),
        (deliveries.c.type, type),
    )
    return await page_of(frame, page, query, key=deliveries.c.id, time=deliveries.c.created_at, build=to_delivery)


async def add_attempt(frame: Frame, delivery_id: UUID, attempt: Attempt) -> None:
    """Insert a row of the log."""
    values = {name: getattr(attempt, name) for name in attempt.__struct_fields__}
    await frame.execute(insert(attempts).values(delivery_id=delivery_id, **values))


async def log(frame: Frame, delivery_id: UUID) -> list[Attempt]:
    """The attempts of a delivery, the first one first."""
    rows = await frame.all(select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.number))
    return [
        Attempt(number=row.number, at=row.at, status=row.status, ms=row.ms, error=row.error, answer=row.answer)
        for row in rows
    ]


async def forget(frame: Frame, limit: int, *, endpoint_id: UUID | None = None, before: datetime | None = None) -> int:
    """Delete some deliveries with their attempts: those of an endpoint, or those settled before a time; how many."""
    query = select(deliveries.c.id).order_by(deliveries.c.id).limit(limit)
    if endpoint_id is not None:
        query = query.where(deliveries.c.endpoint_id == endpoint_id)
    if before is not None:
        old = deliveries.c.id < UUID(int=_millis(before) << 80)  # the key goes by time; what is pending has no end yet
        query = query.where(old, deliveries.c.settled_at < before)
    gone = await frame.execute(delete(deliveries).where(deliveries.c.id.in_(query)).returning(deliveries.c.id))
    return len(gone.all())


def _late(before: datetime) -> ColumnElement[bool]:
    return (deliveries.c.state == "pending") & (deliveries.c.next_attempt_at < before)


def _millis(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _held(row: Row[Any]) -> Held:
    return Held(row.id, row.endpoint_id, row.event_id, row.tries, to_delivery(row))
