"""What a statement does, found by running it on a copy of the schema: its locks, rewritten tables, full scans.

Each statement has a transaction of its own, so that its locks are not mixed with those of the one before. What cannot
run in a transaction is made to wait by another session that holds every table, and is looked at while it waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import psycopg
from psycopg import sql

from rtp.migrations import rules
from rtp.migrations.errors import SqlNotValid
from rtp.migrations.locks import Effect, strongest
from rtp.migrations.schemas import LockMode
from rtp.migrations.scripts import Statement

STATEMENT_SECONDS = 20
POLL = 0.005
_OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_TABLES = f"""
SELECT c.oid, CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END,
    coalesce(pg_relation_filenode(c.oid), 0), c.relkind <> 'm'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') AND {_OURS}
"""  # noqa: S608 - made of constants
_LOCKS = "SELECT relation, mode FROM pg_locks WHERE pid = %s AND locktype = 'relation'"
_IN_TRANSACTION = "SELECT relid, seq_scan FROM pg_stat_xact_user_tables"
_FLUSHED = "SELECT relid, seq_scan FROM pg_stat_user_tables"
_FLUSH = "SELECT pg_stat_force_next_flush()"
_WAITING = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
_LOCAL = re.compile(r"^SET\s+LOCAL\b", re.IGNORECASE)
_WHOLE_SERVER = re.compile(
    r"^((CREATE|ALTER|DROP)\s+(ROLE|USER|GROUP|DATABASE|TABLESPACE|SYSTEM|SUBSCRIPTION)\b|SET\s+ROLE\b|REASSIGN\b)",
    re.IGNORECASE,
)

Connection = psycopg.Connection[tuple[Any, ...]]


class Measuring:
    """Runs statements one after the other on a copy; tables that they make themselves count for nothing."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.connection: Connection = psycopg.connect(address, autocommit=True)
        self.connection.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")
        self.connection.execute("SET timezone = 'UTC'")
        self.pid = self.connection.info.backend_pid
        found = self.connection.execute(_TABLES).fetchall()
        self.names: dict[int, str] = {oid: name for oid, name, _, _ in found}
        self.lockable = [oid for oid, _, _, lockable in found if lockable]

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def all(self, statements: Iterable[Statement]) -> list[Effect]:
        """The effects of all statements, in order.

        Raises: SqlNotValid, with the statement's number.
        """
        return [self._one(number, statement) for number, statement in enumerate(statements, 1)]

    def _one(self, number: int, statement: Statement) -> Effect:
        if _WHOLE_SERVER.match(statement.sql):
            return Effect(by="rule")  # would reach beyond the copy
        try:
            return self._inside(statement) if statement.transaction else self._outside(statement)
        except psycopg.Error as error:
            why = str(error).strip().split("\n")[0]
            raise SqlNotValid(number=number, why=why, fields={"sql": why}) from error

    def _inside(self, statement: Statement) -> Effect:
        run = self.connection.execute
        with self.connection.transaction():
            nodes, scans = self._nodes(run), _scans(run(_IN_TRANSACTION))
            run(_LOCAL.sub("SET", statement.sql).encode())
            locks = run(_LOCKS, [self.pid]).fetchall()
            return self._effect(locks, nodes, self._nodes(run), scans, _scans(run(_IN_TRANSACTION)))

    def _outside(self, statement: Statement) -> Effect:
        with psycopg.connect(self.address, autocommit=True) as observer:
            self.connection.execute(_FLUSH)
            nodes, scans = self._nodes(observer.execute), _scans(observer.execute(_FLUSHED))
            locks = self._seen_waiting(statement, observer)
            self.connection.execute(_FLUSH)
            after = _scans(observer.execute(_FLUSHED))
            found = self._effect(locks, nodes, self._nodes(observer.execute), scans, after)
        if found.locks:
            return found
        by_rule = rules.effect(statement.sql, set(self.names.values()))
        return Effect(by_rule.locks, found.rewrites, found.scans, by="rule")

    def _seen_waiting(self, statement: Statement, observer: Connection) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.address) as holder, ThreadPoolExecutor(1) as pool:
            present = {oid for oid, _, _, _ in holder.execute(_TABLES).fetchall()}
            tables = [oid for oid in self.lockable if oid in present]
            if tables:
                names = sql.SQL(", ").join(_identifier(self.names[oid]) for oid in tables)
                holder.execute(sql.SQL("LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE").format(names))
            running = pool.submit(self.connection.execute, statement.sql.encode())
            try:
                return self._locks_while(running, observer)
            finally:
                holder.rollback()
                running.exception()

    def _locks_while(self, running: Future[Any], observer: Connection) -> list[tuple[Any, ...]]:
        while not running.done():
            if (observer.execute(_WAITING, [self.pid]).fetchone() or (False,))[0]:
                return observer.execute(_LOCKS, [self.pid]).fetchall()
            Event().wait(POLL)
        running.result()
        return []

    def _nodes(self, run: Any) -> dict[int, int]:
        return {oid: node for oid, _, node, _ in run(_TABLES).fetchall() if oid in self.names}

    def _effect(
        self,
        locks: list[tuple[Any, ...]],
        nodes: dict[int, int],
        nodes_after: dict[int, int],
        scans: dict[int, int],
        scans_after: dict[int, int],
    ) -> Effect:
        modes: dict[str, list[LockMode]] = {}
        for oid, mode in locks:
            if oid in self.names:
                modes.setdefault(self.names[oid], []).append(mode)
        return Effect(
            locks={name: strongest(modes[name]) for name in sorted(modes)},
            rewrites=sorted(self.names[oid] for oid, node in nodes_after.items() if nodes.get(oid, node) != node),
            scans=sorted(self.names[oid] for oid in self.names if scans_after.get(oid, 0) > scans.get(oid, 0)),
        )


def _scans(found: psycopg.Cursor[tuple[Any, ...]]) -> dict[int, int]:
    return dict(found.fetchall())


def _identifier(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))
