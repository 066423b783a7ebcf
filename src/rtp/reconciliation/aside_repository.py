"""Every query on differences that were set aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, select

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.db.rows import change_row, find_row
from rtp.kit import ids
from rtp.operations import Page
from rtp.reconciliation.model import set_aside
from rtp.reconciliation.schemas import Aside, AsideState, Difference

_SAME = "provider set_aside_by created_at closed_at closed_by reason version".split()


async def find(frame: Frame, aside_id: UUID, *, lock: bool = False) -> Aside | None:
    """The difference with this id; with `lock`, held for this transaction."""
    row = await find_row(frame, set_aside, aside_id, lock=lock)
    return None if row is None else _to_aside(row)


async def change(frame: Frame, aside_id: UUID, **values: Any) -> Aside:
    """Change columns and take the next version."""
    return _to_aside(await change_row(frame, set_aside, aside_id, **values))


async def open_count(frame: Frame) -> int:
    """How many wait for a person."""
    row = await frame.first(select(func.count()).select_from(set_aside).where(set_aside.c.closed_at.is_(None)))
    return int(row[0]) if row else 0


async def closed(frame: Frame, provider: str, keys: Sequence[str]) -> set[str]:
    """Of these keys of a provider, those whose difference a person has closed."""
    key = set_aside.c.difference["key"].astext
    query = select(key.label("key")).where(
        set_aside.c.provider == provider, set_aside.c.closed_at.is_not(None), key.in_(keys)
    )
    return {row.key for row in await frame.all(query)}


async def page(frame: Frame, page: PageRequest, *, state: AsideState | None) -> Page[Aside]:
    """One page of them."""
    query = select(set_aside)
    if state is not None:
        query = query.where((set_aside.c.closed_at.is_(None)) == (state == "open"))
    return await page_of(frame, page, query, key=set_aside.c.id, time=set_aside.c.created_at, build=_to_aside)


def _to_aside(row: Row[Any]) -> Aside:
    found = msgspec.convert(row.difference, Difference)
    return Aside(
        id=ids.show("ras", row.id),
        state="open" if row.closed_at is None else "closed",
        noun=found.noun,
        kind=found.kind,
        name=found.name,
        key=found.key,
        ours=found.ours,
        theirs=found.theirs,
        **{name: getattr(row, name) for name in _SAME},
    )
