"""Partitions of the big append-only tables: one a quarter, by id, made ahead; none by default.

A UUIDv7 starts with its milliseconds, so a range of ids is a range of time. A partition is made beside its parent and
then attached (CREATE LIKE, CHECK, ATTACH), which takes a weaker lock than PARTITION OF.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, text

PARTITIONED = ("events", "audit", "ledger", "requests")
AHEAD = 2
"""Quarters made before they begin."""

_EXISTS = text("SELECT to_regclass(:name) IS NOT NULL")


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
