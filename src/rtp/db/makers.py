"""Who made rows of a table that keeps it in `created_by` and `created_through`."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Table, select

from rtp.db.frame import Frame


async def makers_of(frame: Frame, table: Table, row_ids: Collection[UUID]) -> set[str]:
    """Who made the rows with these ids, and the tokens that they came by; nobody of those where it was not kept."""
    if not row_ids:
        return set()
    rows = await frame.all(select(table.c.created_by, table.c.created_through).where(table.c.id.in_(row_ids)))
    return {key for row in rows for key in row if key}
