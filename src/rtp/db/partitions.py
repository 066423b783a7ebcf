"""Partitions of the big append-only tables: one a quarter, by id, made ahead; none by default.

Only the owner of a table may make its partitions, or drop one as a whole, which is how the history of requests ends.

A UUIDv7 starts with its milliseconds, so a range of ids is a range of time. A partition is made beside its parent and
then attached (CREATE LIKE, CHECK, ATTACH), which takes a weaker lock than PARTITION OF.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, NullPool, create_engine, text

from rtp.db.engine import translated, url_of

PARTITIONED = ("events", "audit", "ledger", "requests")
AHEAD = 2
"""Quarters made before they begin."""

LOCK_SECONDS = 1
"""How long a partition's end waits for its table, which is closed meanwhile; then it is for another time."""

_EXISTS = text("SELECT to_regclass(:name) IS NOT NULL")
_MAY = text("SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = CAST(:name AS regclass)")
_THERE = text(
    """
    SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = CAST(:name AS regclass) ORDER BY c.relname
    """
)
_QUARTER = re.compile(r".*_(\d{4})q([1-4])")


class Dropped(NamedTuple):
    """A partition that is gone, and how large it was."""

    name: str
    bytes: int


@contextmanager
def owning(url: str) -> Iterator[Connection]:
    """A connection of its own for what only an owner may do; what is not committed is rolled back.

    Raises: DatabaseBusy, Unavailable.
    """
    engine = create_engine(url_of(url), poolclass=NullPool)
    try:
        with translated(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def may(connection: Connection, table: str) -> bool:
    """Whether the connected role owns a table."""
    return bool(connection.execute(_MAY, {"name": table}).scalar_one())


def ensure(connection: Connection, now: datetime | None = None, tables: tuple[str, ...] = PARTITIONED) -> list[str]:
    """Make the partitions of this quarter and the next ones; returns the names of those that were missing."""
    made = []
    start = _quarter(now or datetime.now(UTC))
    for _ in range(AHEAD + 1):
        end = _next(start)
        for table in tables:
            name = f"{table}_{start.year}q{(start.month + 2) // 3}"
            if not connection.execute(_EXISTS, {"name": name}).scalar_one():
                _create(connection, table, name, lowest_id(start), lowest_id(end))
                made.append(name)
        start = end
    return made


def drop_before(connection: Connection, table: str, before: datetime) -> list[Dropped]:
    """Drop the partitions of a table that hold nothing of an instant or later, each in a transaction of its own.

    Raises: DBAPIError when the table is in use for too long; what was dropped before it stays dropped.
    """
    dropped = []
    for name, size in connection.execute(_THERE, {"name": table}).all():
        match = _QUARTER.fullmatch(name)
        if match is None or _next(datetime(int(match[1]), int(match[2]) * 3 - 2, 1, tzinfo=UTC)) > before:
            continue
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text(f'DROP TABLE "{name}"'))
        connection.commit()
        dropped.append(Dropped(name, size))
    connection.rollback()
    return dropped


def lowest_id(instant: datetime) -> UUID:
    """The smallest UUIDv7 of an instant."""
    return UUID(int=int(instant.timestamp() * 1000) << 80 | 0x7 << 76 | 0b10 << 62)


def _create(connection: Connection, table: str, name: str, low: UUID, high: UUID) -> None:
    bounds = f"id >= '{low}' AND id < '{high}'"
    for statement in (
        f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)",
        f"ALTER TABLE {name} ADD CONSTRAINT {name}_bounds CHECK ({bounds})",
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')",
        f"ALTER TABLE {name} DROP CONSTRAINT {name}_bounds",
    ):
        connection.execute(text(statement))


def _quarter(instant: datetime) -> datetime:
    return datetime(instant.year, (instant.month - 1) // 3 * 3 + 1, 1, tzinfo=UTC)


def _next(start: datetime) -> datetime:
    return datetime(start.year + (start.month == 10), (start.month + 2) % 12 + 1, 1, tzinfo=UTC)
