"""Applying migrations: one process at a time, each lock waited for briefly and often, each step in the ledger first."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from rtp.db import partitions
from rtp.db.engine import DEADLOCK, LOCK_NOT_AVAILABLE, sqlstate, url_of
from rtp.migrations import repository, schema
from rtp.migrations.errors import BehindAlready, MigrationBlocked, MigrationFailed, MigrationsRunning, SchemaDirty
from rtp.migrations.schemas import AppliedMigration, ApplyMigrations, ApplyResult, Migration
from rtp.migrations.scripts import PACKAGED, Scripts

T = TypeVar("T")
POLL = 0.1
LONGEST_PAUSE = 2.0
_pause = threading.Event()


@dataclass(frozen=True)
class Applying:
    """One apply: as whom it is noted, to which role it grants, and with which migrations."""

    owner_url: str
    app_role: str
    by: str
    asked: ApplyMigrations
    scripts: Scripts = PACKAGED


def apply(run: Applying, applied: list[AppliedMigration] | None = None) -> ApplyResult:
    """Apply what is pending up to the target; `applied` is filled on the way, so that it is known after a failure.

    Raises: MigrationsRunning, SchemaDirty, SchemaTooNew, UnknownRevision, BehindAlready, MigrationBlocked,
    MigrationFailed.
    """
    with _engine(run.owner_url) as engine, engine.connect() as connection:
        _prepare(connection, run.asked.lock_timeout_ms)
        with held(connection, run.asked.wait):
            return _apply(connection, run, [] if applied is None else applied)


def preview(run: Applying) -> tuple[ApplyResult, list[Migration]]:
    """What `apply` would do now: its answer before any migration ran, and the migrations.

    Raises: as `apply`, for what is known beforehand.
    """
    with _engine(run.owner_url) as engine, engine.connect() as connection:
        before, pending = _pending(connection, run)
        dropped = [index.drop for index in repository.invalid_indexes(connection)] if run.asked.resume else []
        after = pending[-1].revision if pending else before
        return ApplyResult(before=before or "nothing", after=after or "nothing", dropped=dropped, applied=[]), pending


@contextmanager
def held(connection: Connection, wait: float) -> Iterator[None]:
    """Be the one migrating process.

    It polls: a session that waits inside pg_advisory_lock holds a snapshot, and CREATE INDEX CONCURRENTLY in the
    first process would wait for that one in turn.
    Raises: MigrationsRunning.
    """
    deadline = time.monotonic() + wait
    while not _committed(connection, repository.try_lock):
        if time.monotonic() >= deadline:
            raise MigrationsRunning(seconds=wait)
        _pause.wait(POLL)
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.rollback()
            repository.unlock(connection)
            connection.commit()


@contextmanager
def _engine(owner_url: str) -> Iterator[Engine]:
    engine = create_engine(url_of(owner_url), poolclass=NullPool, connect_args={"application_name": "rtp migrations"})
    try:
        yield engine
    finally:
        engine.dispose()


def _prepare(connection: Connection, lock_timeout_ms: int) -> None:
    connection.execute(text(f"SET lock_timeout = {lock_timeout_ms}"))
    connection.execute(text("SET timezone = 'UTC'"))  # else timestamp → timestamptz rewrites the table
    connection.execute(text("SET client_connection_check_interval = '1s'"))  # a killed process's statement ends soon
    connection.execute(text("SET idle_in_transaction_session_timeout = 0"))
    connection.commit()


def _apply(connection: Connection, run: Applying, applied: list[AppliedMigration]) -> ApplyResult:
    before, pending = _pending(connection, run)
    repository.ensure(connection)
    connection.commit()
    dropped = _drop_invalid(connection) if run.asked.resume else []
    current = before
    for migration in pending:
        applied.append(_one(connection, run, migration, current))
        current = migration.revision
    if run.asked.resume and not pending:
        _close_ledger(connection)
    return ApplyResult(before=before or "nothing", after=current or "nothing", dropped=dropped, applied=applied)


def _pending(connection: Connection, run: Applying) -> tuple[str | None, list[Migration]]:
    before = schema.version(connection)
    unfinished, left = repository.unfinished(connection), repository.invalid_indexes(connection)
    connection.rollback()
    if before is not None and before not in [found.revision for found in run.scripts.all()]:
        raise schema.SchemaTooNew(current=before, wanted=schema.known()[-1])
    if unfinished and not run.asked.resume:
        what = f"the invalid index {', '.join(index.name for index in left)}" if left else "nothing that is half done"
        raise SchemaDirty(revision=unfinished[0].revision, started_at=unfinished[0].started_at.isoformat(), left=what)
    pending = run.scripts.pending(before, run.asked.target)
    if not pending and run.asked.target not in ("head", before):
        raise BehindAlready(current=before, target=run.asked.target)
    return before, pending


def _one(connection: Connection, run: Applying, migration: Migration, before: str | None) -> AppliedMigration:
    whole = all(one.transaction for one in run.scripts.statements(migration, before, run.app_role))
    entry = _committed(connection, lambda made: repository.begin(made, migration, run.by))

    def finish(ctx: Any, **_: Any) -> None:
        repository.finish(ctx.connection, entry)
        repository.protect(ctx.connection, run.app_role)

    for attempt in range(1, run.asked.attempts + 1):
        try:
            run.scripts.upgrade(
                connection,
                migration.revision,
                run.app_role,
                on_version_apply=finish,
                lock_timeout_ms=run.asked.lock_timeout_ms,
            )
            connection.commit()
            break
        except DBAPIError as error:
            _failed(connection, run, migration, entry, whole, attempt, error)
    _committed(connection, _make_partitions)
    return _committed(connection, lambda made: repository.row(made, entry))


def _make_partitions(connection: Connection) -> None:
    """Without them nothing can be recorded; an older schema has fewer partitioned tables."""
    present = tuple(table for table in partitions.PARTITIONED if repository.table_exists(connection, table))
    partitions.ensure(connection, tables=present)


def _failed(
    connection: Connection,
    run: Applying,
    migration: Migration,
    entry: int,
    whole: bool,
    attempt: int,
    error: DBAPIError,
) -> None:
    """Make ready for another attempt, or note the end and raise it."""
    why = str(error.orig).strip().split("\n")[0]
    if connection.invalidated or error.connection_invalidated:
        left = "What is true now is not known: the connection was lost; the ledger keeps it as begun."
        raise MigrationFailed(revision=migration.revision, why=why, left=left, hint="rtp db status") from error
    connection.rollback()
    blocked = sqlstate(error) in {LOCK_NOT_AVAILABLE, DEADLOCK}
    if blocked and attempt < run.asked.attempts:
        _committed(connection, lambda made: repository.tried(made, entry, attempt + 1))
        if not whole:
            _drop_invalid(connection)
        longest = min(LONGEST_PAUSE, run.asked.lock_timeout_ms / 1000 * attempt)
        _pause.wait(random.uniform(longest / 2, longest))  # jittered: two that block each other drift apart
        return
    if not whole:
        _committed(connection, lambda made: repository.stuck(made, entry, why))
        left = "Part of it may have happened, as it does not run in one transaction."
        raise MigrationFailed(revision=migration.revision, why=why, left=left, hint="rtp db apply --resume") from error
    _committed(connection, lambda made: repository.fail(made, entry, why, attempts=attempt))
    if blocked:
        holder = _committed(connection, repository.oldest_transaction)
        raise MigrationBlocked(
            revision=migration.revision, attempts=attempt, lock_timeout_ms=run.asked.lock_timeout_ms, holder=holder
        ) from error
    left = f"Migration {migration.revision} was rolled back; those before it stay applied."
    raise MigrationFailed(revision=migration.revision, why=why, left=left) from error


def _drop_invalid(connection: Connection) -> list[str]:
    drops = [index.drop for index in _committed(connection, repository.invalid_indexes)]
    if drops:
        outside = connection.execution_options(isolation_level="AUTOCOMMIT")
        for drop in drops:
            outside.execute(text(drop.replace(":", "\\:")))
        outside.commit()
        connection.execution_options(isolation_level="READ COMMITTED")
    return drops


def _close_ledger(connection: Connection) -> None:
    """Settle rows of migrations that the database already has: nothing is left to be taken up again."""
    _committed(connection, repository.settle)


def _committed(connection: Connection, do: Callable[[Connection], T]) -> T:
    value = do(connection)
    connection.commit()
    return value
