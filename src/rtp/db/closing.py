"""What a frame writes when it closes, in one statement with one parameter: events, the audit row, the answer, the jobs.

Four statements cost a server process four times what one does; a refund, say, spent a third of its time on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rtp.db.frame import Job

EVENTS = ("id", "type", "aggregate_type", "aggregate_id", "version", "timestamp", "payload", "metadata")
AUDIT = (
    "id", "at", "actor", "actor_name", "actor_kind", "role", "operation", "target", "user_id", "reason", "request_id",
    "trace_id", "plan_id", "changes",
)  # fmt: skip
ANSWERS = ("scope", "key", "fingerprint", "operation", "status", "body", "created_at")


class Closing(msgspec.Struct, kw_only=True):
    """The rows of each table by its columns, and the jobs."""

    events: Sequence[dict[str, Any]] = ()
    audit: Sequence[dict[str, Any]] = ()
    stored_answers: Sequence[dict[str, Any]] = ()
    jobs: Sequence[Job] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return any((self.events, self.audit, self.stored_answers, self.jobs))


def _inserting(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(columns)
    rows = f"jsonb_populate_recordset(NULL::{table}, of -> '{table}')"
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM given, {rows}"  # noqa: S608 - names of our own


_WRITE = text(
    f"""
    WITH given AS MATERIALIZED (SELECT CAST(:given AS jsonb) AS of),
        writing_events AS ({_inserting("events", EVENTS)}),
        writing_audit AS ({_inserting("audit", AUDIT)}),
        writing_answers AS ({_inserting("stored_answers", ANSWERS)})
    SELECT procrastinate_defer_jobs_v1(ARRAY(
        SELECT ROW(j.queue, j.name, j.priority, j.lock, j.queueing_lock, j.args, j.at)::procrastinate_job_to_defer_v1
        FROM jsonb_to_recordset(of -> 'jobs')
            AS j(queue text, name text, priority int, lock text, queueing_lock text, args jsonb, at timestamptz)
    )) FROM given
    """  # noqa: S608 - names of our own tables and columns
)


async def write(connection: AsyncConnection, closing: Closing) -> None:
    """Write all of it in the connection's transaction."""
    if closing:
        given = msgspec.json.encode(closing, enc_hook=_plain).decode()
        await connection.execute(_WRITE, {"given": given})


def _plain(value: Any) -> str:
    return str(value)
