"""Every query on entitlements."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, or_, select

from rtp.db import bulk
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.rows import change_row, find_row
from rtp.entitlements import policy
from rtp.entitlements.model import entitlements
from rtp.entitlements.schemas import Entitlement
from rtp.kit import ids
from rtp.operations import Page

Place = tuple[int, UUID]
"""(member, product): what an entitlement is about."""


def to_entitlement(row: Row[Any], now: datetime) -> Entitlement:
    """A row as the struct that leaves the repository; `open` is how it stands at this instant."""
    is_open, why = policy.seen(row.open, row.why, row.until, now)
    return Entitlement(
        id=ids.show("ent", row.id),
        user_id=ids.show_user(row.user_id),
        product=row.product_key,
        open=is_open,
        why=why,
        until=row.until,
        source_id=ids.show("sub", row.source_id),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        version=row.version,
        revoked_until=row.revoked_until,
    )


async def lock(frame: Frame, places: Iterable[Place]) -> dict[Place, Entitlement]:
    """The entitlements at these places, held for this transaction in one order for everybody."""
    query = select(entitlements).where(bulk.among(places, "user_id", "product_id"))
    rows = await frame.all(query.order_by(entitlements.c.id).with_for_update())
    return {(row.user_id, row.product_id): to_entitlement(row, frame.now) for row in rows}


async def lock_of_source(frame: Frame, user_id: int, source_id: UUID) -> list[Entitlement]:
    """The entitlements of a member that this subscription decided, held for this transaction."""
    query = select(entitlements).where(entitlements.c.user_id == user_id, entitlements.c.source_id == source_id)
    rows = await frame.all(query.order_by(entitlements.c.id).with_for_update())
    return [to_entitlement(row, frame.now) for row in rows]


async def add(frame: Frame, rows: list[dict[str, Any]]) -> list[Entitlement]:
    """Insert entitlements."""
    return [to_entitlement(row, frame.now) for row in await bulk.insert_rows(frame, entitlements, rows)]


async def change(frame: Frame, entitlement_id: UUID, **values: Any) -> Entitlement:
    """Change columns and take the next version."""
    return to_entitlement(await change_row(frame, entitlements, entitlement_id, **values), frame.now)


async def find(frame: Frame, entitlement_id: UUID) -> Entitlement | None:
    """The entitlement with this id."""
    row = await find_row(frame, entitlements, entitlement_id)
    return None if row is None else to_entitlement(row, frame.now)


async def at(frame: Frame, user_id: int, product_id: UUID) -> Entitlement | None:
    """The entitlement of a member to a product."""
    query = select(entitlements).where(entitlements.c.user_id == user_id, entitlements.c.product_id == product_id)
    row = await frame.first(query)
    return None if row is None else to_entitlement(row, frame.now)


async def of_user(frame: Frame, user_id: int) -> list[Entitlement]:
    """All entitlements of a member."""
    query = select(entitlements).where(entitlements.c.user_id == user_id).order_by(entitlements.c.id)
    return [to_entitlement(row, frame.now) for row in await frame.all(query)]


async def open_after(frame: Frame, after: UUID | None, limit: int) -> tuple[list[Entitlement], int]:
    """The open entitlements after one, by id, at most `limit` of them; and how many there are after those."""
    query = select(entitlements).where(entitlements.c.open)
    if after is not None:
        query = query.where(entitlements.c.id > after)
    total = await frame.first(select(func.count()).select_from(query.subquery()))
    rows = await frame.all(query.order_by(entitlements.c.id).limit(limit))
    return [to_entitlement(row, frame.now) for row in rows], (total[0] if total is not None else 0) - len(rows)


async def page(
    frame: Frame, page: PageRequest, *, user_id: int | None, product: str, open: bool | None
) -> Page[Entitlement]:
    """One page of entitlements."""
    query = matching(select(entitlements), (entitlements.c.user_id, user_id), (entitlements.c.product_key, product))
    ended = or_(entitlements.c.open.is_(False), entitlements.c.until <= frame.now)
    if open is not None:
        until = entitlements.c.until
        query = query.where((entitlements.c.open & or_(until.is_(None), until > frame.now)) if open else ended)
    return await page_of(
        frame,
        page,
        query,
        key=entitlements.c.id,
        sorts={"created_at": entitlements.c.id},
        default="-created_at",
        time=entitlements.c.opened_at,
        build=lambda row: to_entitlement(row, frame.now),
    )
