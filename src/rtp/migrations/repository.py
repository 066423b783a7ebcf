"""Every query on the ledger of migrations, and on what a killed one leaves behind."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from rtp import __version__
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.migrations.model import schema_history
from rtp.migrations.schemas import AppliedMigration, InvalidIndex, Migration, Unfinished
from rtp.operations import Page

LOCK = 0x727470
"""Advisory lock that the one migrating process holds."""

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision text NOT NULL,
    name text NOT NULL,
    state text NOT NULL CONSTRAINT ck_schema_history_state
        CHECK (state IN ('started', 'finished', 'failed', 'resumed')),
    by text NOT NULL,
    version text NOT NULL,
    attempts integer NOT NULL,
    error text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
)
"""
_EXISTS = text("SELECT to_regclass(:table) IS NOT NULL")
_RUNNING = text(
    """
    SELECT EXISTS (
        SELECT FROM pg_locks JOIN pg_database d ON d.oid = database AND d.datname = current_database()
        WHERE locktype = 'advisory' AND classid = 0 AND objid = :lock AND granted
    )
    """
)
_INVALID = text(
    """
    SELECT format('%I', i.relname) AS name, t.relname AS table,
        format('DROP INDEX CONCURRENTLY %I.%I', n.nspname, i.relname) AS drop
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_namespace n ON n.oid = i.relnamespace
    WHERE NOT x.indisvalid AND i.relkind = 'i' AND n.nspname = 'public'
        AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.oid)
    ORDER BY i.relname
    """
)
_HOLDER = text(
    """
    SELECT format('pid %s (%s, %s for %s s)', pid, coalesce(nullif(application_name, ''), usename), state,
        extract(epoch FROM clock_timestamp() - xact_start)::int) AS holder
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    ORDER BY xact_start LIMIT 1
    """
)


def ensure(connection: Connection) -> None:
    """Make the ledger, in the caller's transaction."""
    connection.execute(text(_TABLE))


def protect(connection: Connection, app_role: str) -> None:
    """Let the application read the ledger and nothing else: the first migration grants it all tables there are."""
    role = app_role.replace('"', '""')
    connection.execute(text(f'REVOKE ALL ON schema_history FROM "{role}"'))
    connection.execute(text(f'GRANT SELECT ON schema_history TO "{role}"'))


def exists(connection: Connection) -> bool:
    """Whether the ledger was made."""
    return table_exists(connection, "schema_history")


def table_exists(connection: Connection, table: str) -> bool:
    """Whether there is such a table."""
    return bool(connection.execute(_EXISTS, {"table": table}).scalar_one())


def clock(connection: Connection) -> datetime:
    """The database's clock, which does not stand still in a transaction."""
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now


def begin(connection: Connection, migration: Migration, by: str, *, began: datetime | None = None) -> int:
    """Note that a migration begins, or did so at `began`; unfinished rows of it count as taken up again."""
    same = (schema_history.c.revision == migration.revision) & (schema_history.c.state == "started")
    connection.execute(update(schema_history).where(same).values(state="resumed", finished_at=func.clock_timestamp()))
    row = {"revision": migration.revision, "name": migration.name, "by": by, "version": __version__}
    values = row | {"state": "started", "attempts": 1, "error": "", "started_at": began or func.clock_timestamp()}
    return int(connection.execute(insert(schema_history).values(values).returning(schema_history.c.id)).scalar_one())


def finish(connection: Connection, entry: int) -> None:
    """Note that it ended well, in its own transaction."""
    _set(connection, entry, state="finished", error="", finished_at=func.clock_timestamp())


def fail(connection: Connection, entry: int, error: str, *, attempts: int) -> None:
    """Note that it was rolled back as a whole."""
    _set(connection, entry, state="failed", error=error[:2000], attempts=attempts, finished_at=func.clock_timestamp())


def stuck(connection: Connection, entry: int, error: str) -> None:
    """Note why it did not end, where some of it may have happened."""
    _set(connection, entry, error=error[:2000])


def tried(connection: Connection, entry: int, attempts: int) -> None:
    """Note how many attempts there were so far."""
    _set(connection, entry, attempts=attempts)


def settle(connection: Connection) -> None:
    """Close what was begun, where nothing of it is pending any more."""
    began = schema_history.c.state == "started"
    connection.execute(update(schema_history).where(began).values(state="resumed", finished_at=func.clock_timestamp()))


def row(connection: Connection, entry: int) -> AppliedMigration:
    """One row of the ledger."""
    return to_applied(connection.execute(select(schema_history).where(schema_history.c.id == entry)).one())


def unfinished(connection: Connection) -> list[Unfinished]:
    """Migrations that began and did not end."""
    if not exists(connection):
        return []
    query = select(schema_history).where(schema_history.c.state == "started").order_by(schema_history.c.id)
    return [
        Unfinished(revision=found.revision, started_at=found.started_at, by=found.by)
        for found in connection.execute(query)
    ]


def running(connection: Connection) -> bool:
    """Whether some process is applying migrations to this database now."""
    return bool(connection.execute(_RUNNING, {"lock": LOCK}).scalar_one())


def try_lock(connection: Connection) -> bool:
    """Become the migrating process, if there is none."""
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}).scalar_one())


def unlock(connection: Connection) -> None:
    """Stop being the migrating process."""
    connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})


def invalid_indexes(connection: Connection) -> list[InvalidIndex]:
    """Indexes that are neither valid nor being built."""
    return [InvalidIndex(name=found.name, table=found.table, drop=found.drop) for found in connection.execute(_INVALID)]


def oldest_transaction(connection: Connection) -> str:
    """Who has had a transaction open for the longest time."""
    return connection.execute(_HOLDER).scalar() or "none any more"


async def page(frame: Frame, page: PageRequest) -> Page[AppliedMigration]:
    """One page of the ledger, newest first."""
    if not await frame.connection.run_sync(exists):
        return Page(items=[])
    return await page_of(
        frame, page, select(schema_history), key=schema_history.c.id, time=schema_history.c.started_at, build=to_applied
    )


def to_applied(row: Row[Any]) -> AppliedMigration:
    """A row as the struct that leaves the repository."""
    seconds = None if row.finished_at is None else round((row.finished_at - row.started_at).total_seconds(), 3)
    return AppliedMigration(
        revision=row.revision,
        name=row.name,
        state=row.state,
        by=row.by,
        version=row.version,
        attempts=row.attempts,
        started_at=row.started_at,
        finished_at=row.finished_at,
        seconds=seconds,
        error=row.error,
    )


def _set(connection: Connection, entry: int, **values: Any) -> None:
    connection.execute(update(schema_history).where(schema_history.c.id == entry).values(values))
