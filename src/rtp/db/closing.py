"""What a frame writes when it closes, in one statement with one parameter: rows that are only added, and its jobs.

Events, the audit row and the kept answer are such rows, and whatever else nobody reads before the frame commits. As
statements of their own they cost a server process several times as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import text

from rtp.db.prepared import Prepared

if TYPE_CHECKING:
    from rtp.db.frame import Job
    from rtp.db.prepared import Driver


class Writing(msgspec.Struct, frozen=True):
    """A statement that writes otherwise than by adding rows as they are; its `sql` reads them from `{rows}`.

    Where it looks rows of a table up, it says so with the keys that `{each}` gives, one JSON object a row: of a join
    alone the planner thinks that it is about a hundred rows, and reads the whole table.
    """

    sql: str


Added = tuple[str | Writing, dict[str, Any]]
"""(table or statement, the values of a row)."""
Shape = tuple[str | Writing, tuple[str, ...]]
"""(table or statement, the columns that are given)."""

_DEFER = """
    SELECT procrastinate_defer_jobs_v1(ARRAY(
        SELECT ROW(j.queue, j.name, j.priority, j.lock, j.queueing_lock, j.args, j.at)::procrastinate_job_to_defer_v1
        FROM jsonb_to_recordset(of -> 'jobs')
            AS j(queue text, name text, priority int, lock text, queueing_lock text, args jsonb, at timestamptz)
    )) FROM given
"""


async def write(driver: Driver, added: Sequence[Added], jobs: Sequence[Job] = ()) -> None:
    """Insert the rows, those of a table in their order, and queue the jobs, in the connection's transaction."""
    if not (added or jobs):
        return
    shapes: dict[Shape, list[dict[str, Any]]] = {}
    for table, row in added:
        shapes.setdefault((table, tuple(row)), []).append(row)
    given: dict[str, Any] = {str(place): rows for place, rows in enumerate(shapes.values())}
    document = msgspec.json.encode(given | {"jobs": jobs}, enc_hook=str).decode()
    await driver.run(_statement(tuple(shapes), bool(jobs)), {"given": document})


@lru_cache(maxsize=512)
def _statement(shapes: tuple[Shape, ...], jobs: bool) -> Prepared:
    writing = ", ".join(f"w{place} AS ({_inserting(shape, place)})" for place, shape in enumerate(shapes))
    given = "given AS MATERIALIZED (SELECT CAST(:given AS jsonb) AS of)"
    return Prepared(text(f"WITH {given}{', ' if shapes else ''}{writing} {_DEFER if jobs else 'SELECT FROM given'}"))


def _inserting(shape: Shape, place: int) -> str:
    table, columns = shape
    if isinstance(table, Writing):
        rows = f"of -> '{place}'"
        return table.sql.format(rows=f"given, jsonb_to_recordset({rows})", each=f"given, jsonb_array_elements({rows})")
    names = ", ".join(columns)
    rows = f"jsonb_populate_recordset(NULL::{table}, of -> '{place}')"
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM given, {rows}"  # noqa: S608 - names of our own
