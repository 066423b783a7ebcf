"""One row of a table by its id: looked up, held, or changed together with its version."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, bindparam, select, update

from rtp.db.frame import Frame
from rtp.db.prepared import Prepared


async def find_row(
    frame: Frame, table: Table, row_id: UUID | int, *conditions: ColumnElement[bool], lock: bool = False
) -> Row[Any] | None:
    """The row with this id, if the conditions hold of it; with `lock`, held for this transaction."""
    if not conditions:
        return await frame.first(_finding(table, lock), {"row_id": row_id})
    query = select(table).where(table.c.id == row_id, *conditions)
    return await frame.first(query.with_for_update() if lock else query)


@cache
def _finding(table: Table, lock: bool) -> Prepared:
    query = select(table).where(table.c.id == bindparam("row_id"))
    return Prepared(query.with_for_update() if lock else query)


async def change_row(frame: Frame, table: Table, row_id: UUID | int, /, **values: Any) -> Row[Any]:
    """Change columns of the row with this id and take its next version."""
    query = update(table).where(table.c.id == row_id).values(**values, version=table.c.version + 1)
    row: Row[Any] = (await frame.execute(query.returning(table))).one()
    return row
