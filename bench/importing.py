"""How fast members are imported, through command, API, events and audit, against a bare COPY of the same members."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

import psycopg

from bench import members, platform
from bench.frame import Case, Measured, NotMeasured, seconds
from rtp.testing.instance import RunningInstance

COPY = f"COPY bench_users ({members.COLUMNS}) FROM STDIN".encode()
WAITING = """
SELECT count(*) FROM relay_cursors c
WHERE c.retired_at IS NULL
    AND (c.xid, c.seq) < (SELECT e.xid, e.seq FROM events e ORDER BY e.xid DESC, e.seq DESC LIMIT 1)
"""
RELAY_SECONDS = 120.0


def rate(quick: bool) -> Measured:
    """`rtp users import FILE` and COPY by turns, each pair with members of its own; ratio of the rates."""
    rows, pairs = (10_000, 3) if quick else (50_000, 7)
    instance, batches = platform.shared(), count()
    file = instance.folder / "members.csv"
    with platform.database(instance) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_users")
        connection.execute("CREATE TABLE bench_users (LIKE users INCLUDING ALL)")

        def pair(rows: int) -> float:
            made = members.made(rows, next(batches))
            lines, path = members.copied(made), members.written(made, file)
            relayed(connection)
            copying = seconds(lambda: copy(connection, lines))
            return copying / seconds(lambda: imported(instance, path, rows))

        pair(rows // 5)
        return Measured([pair(rows) for _ in range(pairs)])


def copy(connection: psycopg.Connection, lines: bytes) -> None:
    """COPY lines into the peer's table, in one transaction."""
    with connection.cursor().copy(COPY) as target:
        target.write(lines)


def imported(instance: RunningInstance, path: Path, rows: int) -> None:
    """Import the file; anything but all rows created is no measurement."""
    found = instance.json("users", "import", str(path))
    if found["created"] != rows:
        raise NotMeasured(f"{rows} rows were sent and {found['created']} created")


def relayed(connection: psycopg.Connection) -> None:
    """Wait until the events of the import before are delivered: that work is not to slow a COPY."""
    deadline = time.monotonic() + RELAY_SECONDS
    while (found := connection.execute(WAITING).fetchone()) and found[0]:
        if time.monotonic() > deadline:
            raise NotMeasured(f"{found[0]} consumers have not had all events after {RELAY_SECONDS:g} s")
        time.sleep(0.1)


AGAINST = "COPY of the same members into a table like users with the same indexes, on the same server"
CASES = [Case("import", AGAINST, 0.15, "higher", rate)]
