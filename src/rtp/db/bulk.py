"""Many rows in one statement with one parameter: with 15,000 of them a driver spends its time on parsing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Table, TextClause, text

if TYPE_CHECKING:
    from rtp.db.frame import Frame

Pair = tuple[int, UUID]
"""(member, id of something)."""


async def insert_rows(
    frame: Frame, table: Table, rows: Sequence[dict[str, Any]], *, conflict: str = ""
) -> Sequence[Row[Any]]:
    """Insert rows that all have the same columns and return them; `conflict` is an ON CONFLICT clause."""
    if not rows:
        return []
    statement = text(f"{_insert(table, rows)} {conflict} RETURNING *").columns(*table.columns)
    return await frame.all(statement, _given(rows))


async def append_rows(frame: Frame, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that all have the same columns, and ask for nothing back."""
    await frame.execute(text(_insert(table, rows)), _given(rows))


def _insert(table: Table, rows: Sequence[dict[str, Any]]) -> str:
    columns = ", ".join(rows[0])
    return (
        f"INSERT INTO {table.name} ({columns}) "  # noqa: S608 - names of our own tables and columns
        f"SELECT {columns} FROM jsonb_populate_recordset(NULL::{table.name}, CAST(:rows AS jsonb))"
    )


def _given(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    return {"rows": msgspec.json.encode(list(rows), enc_hook=str).decode()}


def among(pairs: Iterable[Pair], first: str, second: str) -> TextClause:
    """A condition: the columns `first` and `second` are one of these pairs."""
    wanted = list(pairs)
    given = "SELECT * FROM unnest(CAST(:firsts AS bigint[]), CAST(:seconds AS uuid[]))"
    clause = text(f"({first}, {second}) IN ({given})")
    return clause.bindparams(firsts=[one for one, _ in wanted], seconds=[one for _, one in wanted])
