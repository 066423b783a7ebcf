"""Every query on tokens."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, or_, select, text

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.db.makers import makers_of
from rtp.db.rows import change_row, find_row
from rtp.kit import ids
from rtp.operations import Page
from rtp.permissions import Role
from rtp.tokens.model import tokens
from rtp.tokens.schemas import Token

_RESOLVE = text(
    """
    SELECT t.id, t.name, t.role, s.id AS staff_id, s.email AS staff_email, s.role AS staff_role
    FROM tokens t LEFT JOIN staff s ON s.id = t.staff_id
    WHERE t.hash = :hash AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
        AND (t.staff_id IS NULL OR s.status = 'active')
    """
)


def _to_token(row: Row[Any], now: datetime) -> Token:
    expired = row.expires_at is not None and row.expires_at <= now
    return Token(
        id=ids.show("tok", row.id),
        name=row.name,
        role=row.role,
        staff_id=None if row.staff_id is None else ids.show("stf", row.staff_id),
        last_four=row.last_four,
        status="revoked" if row.revoked_at else "expired" if expired else "active",
        version=row.version,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


async def resolve(frame: Frame, hashed: bytes) -> Row[Any] | None:
    """The living token with this hash, joined with the person it acts as; expiry by the database's clock."""
    return await frame.first(_RESOLVE, {"hash": hashed})


async def add(
    frame: Frame, *, name: str, role: Role, staff_id: UUID | None, hashed: bytes, last_four: str, expires_at: datetime
) -> Token:
    """Insert a token."""
    values = {
        "id": frame.ids.uuid(),
        "name": name,
        "role": role,
        "staff_id": staff_id,
        "hash": hashed,
        "last_four": last_four,
        "version": 1,
        "created_at": frame.now,
        "expires_at": expires_at,
        "created_by": frame.principal.id,
        "created_through": frame.principal.through or None,
    }
    return _to_token((await frame.execute(insert(tokens).values(values).returning(tokens))).one(), frame.now)


async def find(frame: Frame, token_id: UUID, *, lock: bool = False) -> Token | None:
    """The token with this id."""
    row = await find_row(frame, tokens, token_id, lock=lock)
    return None if row is None else _to_token(row, frame.now)


async def makers(frame: Frame, token_ids: Collection[UUID]) -> set[str]:
    """Who made these tokens, and the tokens that they came by."""
    return await makers_of(frame, tokens, token_ids)


async def living(frame: Frame, staff_id: UUID, at: datetime) -> set[UUID]:
    """The tokens of a staff account that existed at an instant and had not ended."""
    ended = or_(tokens.c.revoked_at <= at, tokens.c.expires_at <= at)
    query = select(tokens.c.id).where(tokens.c.staff_id == staff_id, tokens.c.created_at <= at)
    return {row.id for row in await frame.all(query.where(ended.is_not(True)))}


async def revoke(frame: Frame, token_id: UUID) -> Token:
    """Set the time of revocation and take the next version."""
    return _to_token(await change_row(frame, tokens, token_id, revoked_at=frame.now), frame.now)


async def page(frame: Frame, page: PageRequest) -> Page[Token]:
    """One page of tokens."""
    return await page_of(
        frame,
        page,
        select(tokens),
        key=tokens.c.id,
        sorts={"created_at": tokens.c.id, "name": tokens.c.name},
        default="-created_at",
        time=tokens.c.created_at,
        build=lambda row: _to_token(row, frame.now),
    )
