"""Applying migrations to real databases: order, locks, two at once, failures, kills."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from rtp.db.engine import url_of
from rtp.migrations import repository, schema, service
from rtp.migrations.errors import (
    BehindAlready,
    MigrationBlocked,
    MigrationFailed,
    MigrationsRunning,
    SchemaDirty,
    UnknownRevision,
)
from rtp.migrations.schemas import ApplyResult
from rtp.migrations.scripts import PACKAGED, Scripts
from rtp.testing.servers import Cloned

Write = Callable[..., Scripts]
Run = Callable[..., ApplyResult]
HERE = "FROM pg_stat_activity WHERE datname = current_database() AND"
SLEEPS = f"SELECT count(*) > 0 {HERE} wait_event = 'PgSleep'"
GONE = f"SELECT count(*) = 0 {HERE} application_name = 'rtp migrations'"
CHILD = """
import sys
from pathlib import Path
from rtp.migrations.applying import Applying, apply
from rtp.migrations.schemas import ApplyMigrations
from rtp.migrations.scripts import Scripts
asked = ApplyMigrations(lock_timeout_ms=60000)
apply(Applying(sys.argv[1], "rtp_app", "a child", asked, Scripts((Path(sys.argv[2]),))))
"""
CREATES = """
import sys
from pathlib import Path
from sqlalchemy import create_engine
from rtp.db.engine import url_of
from rtp.migrations import service
from rtp.migrations.scripts import Scripts
with create_engine(url_of(sys.argv[1])).connect() as connection:
    service.create(connection, app_role="rtp_app", scripts=Scripts((Path(sys.argv[2]),)))
"""


@contextmanager
def connected(database: Cloned) -> Iterator[Connection]:
    engine = create_engine(url_of(database.owner_url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def ask(database: Cloned, query: str) -> Any:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def ledger(database: Cloned) -> list[tuple[str, str]]:
    return [tuple(row) for row in ask(database, "SELECT revision, state FROM schema_history ORDER BY id")]


def wait_for(database: Cloned, query: str, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not ask(database, query)[0][0]:
        assert time.monotonic() < deadline, f"never true: {query}"
        time.sleep(0.02)


@contextmanager
def child(database: Cloned, scripts: Scripts) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-c", CHILD, database.owner_url, str(scripts.folders[0])]
    process = subprocess.Popen(words, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_an_empty_database_is_brought_to_the_newest_version_step_by_step(empty: Cloned, applying: Run) -> None:
    part = applying(empty, PACKAGED, target="0002")
    assert (part.before, part.after) == ("nothing", "0002")
    rest = applying(empty, PACKAGED)
    assert (rest.before, rest.after) == ("0002", schema.known()[-1])
    assert [one.revision for one in part.applied + rest.applied] == list(schema.known())
    assert {(one.state, one.attempts, one.by) for one in part.applied + rest.applied} == {("finished", 1, "a test")}
    assert ask(empty, "SELECT count(*) > 0 FROM pg_inherits WHERE inhparent = 'audit'::regclass") == [(True,)]
    assert applying(empty, PACKAGED).applied == []
    granted = "has_table_privilege('rtp_app', 'schema_history', '{}')"
    asked = ", ".join(granted.format(right) for right in ("SELECT", "INSERT", "UPDATE", "DELETE"))
    assert ask(empty, f"SELECT {asked}") == [(True, False, False, False)]


def test_a_first_start_creates_everything_in_one_transaction_and_notes_it(empty: Cloned) -> None:
    assert service.prepare(empty.owner_url).state == "current"
    assert ledger(empty) == [(revision, "finished") for revision in schema.known()]


def test_an_older_schema_is_left_alone_by_a_start(empty: Cloned, applying: Run) -> None:
    applying(empty, PACKAGED, target="0001")
    assert service.prepare(empty.owner_url).state == "behind"
    assert ledger(empty) == [("0001", "finished")]


def test_a_target_that_is_unknown_or_passed_is_refused(database: Cloned, applying: Run) -> None:
    with pytest.raises(UnknownRevision, match="no migration 4711"):
        applying(database, PACKAGED, target="4711")
    with pytest.raises(BehindAlready, match="past 0002"):
        applying(database, PACKAGED, target="0002")


def test_a_failing_migration_is_rolled_back_as_a_whole_and_those_before_it_stay(
    database: Cloned, continued: Write, applying: Run
) -> None:
    scripts = continued("CREATE TABLE kept (id int)", "CREATE TABLE lost (id int); SELECT 1 / 0")
    with pytest.raises(MigrationFailed, match="9002 failed: division by zero"):
        applying(database, scripts)
    assert ask(database, "SELECT to_regclass('kept') IS NULL, to_regclass('lost') IS NULL") == [(False, True)]
    assert ledger(database)[-2:] == [("9001", "finished"), ("9002", "failed")]
    mended = continued("CREATE TABLE kept (id int)", "CREATE TABLE lost (id int)")
    assert [one.revision for one in applying(database, mended).applied] == ["9002"]


def test_two_at_once_apply_each_migration_once(database: Cloned, continued: Write, applying: Run) -> None:
    scripts = continued("CREATE TABLE once (id int); SELECT pg_sleep(0.3)", "CREATE TABLE twice (id int)")
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(applying, database, scripts) for _ in range(2)]
        applied = sorted([one.revision for one in future.result().applied] for future in both)
    assert applied == [[], ["9001", "9002"]]


def test_who_does_not_want_to_wait_for_another_one_is_refused(
    database: Cloned, continued: Write, applying: Run
) -> None:
    with connected(database) as other:
        assert repository.try_lock(other)
        assert schema.read(other).state == "current"
        assert service.read_status(other).running
        with pytest.raises(MigrationsRunning) as refused:
            applying(database, continued("CREATE TABLE never (id int)"), wait=0)
    assert refused.value.exit_code == 6
    assert ask(database, "SELECT to_regclass('never') IS NULL") == [(True,)]


def test_the_second_one_does_not_block_an_index_that_the_first_builds_concurrently(
    database: Cloned, continued: Write, applying: Run
) -> None:
    scripts = continued("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_slow ON users (created_at)")
    with psycopg.connect(database.owner_url) as reader, ThreadPoolExecutor(2) as pool:
        reader.execute("SELECT count(*) FROM users")  # holds its lock, so the build has to wait
        reader.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        first = pool.submit(applying, database, scripts)
        wait_for(database, "SELECT count(*) > 0 FROM pg_stat_progress_create_index WHERE datname = current_database()")
        second = pool.submit(applying, database, scripts, wait=60)
        threading.Event().wait(0.5)
        assert not second.done()
        reader.rollback()
        assert [len(one.result().applied) for one in (first, second)] == [1, 0]
    assert ask(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_slow'::regclass") == [(True,)]


def test_a_lock_is_waited_for_briefly_and_often(database: Cloned, continued: Write, applying: Run) -> None:
    scripts = continued("ALTER TABLE users ADD COLUMN nickname text")
    with psycopg.connect(database.owner_url) as reader, ThreadPoolExecutor(1) as pool:
        reader.execute("SELECT count(*) FROM users")
        done = pool.submit(applying, database, scripts, lock_timeout_ms=20)
        wait_for(database, "SELECT coalesce(max(attempts), 0) > 2 FROM schema_history WHERE revision = '9001'")
        reader.rollback()
        assert done.result().applied[0].attempts > 2


def test_a_lock_that_never_comes_names_who_holds_it_and_changes_nothing(
    database: Cloned, continued: Write, applying: Run
) -> None:
    scripts = continued("ALTER TABLE users ADD COLUMN nickname text")
    with psycopg.connect(database.owner_url, application_name="report of the month") as reader:
        reader.execute("SELECT count(*) FROM users")
        with pytest.raises(MigrationBlocked) as refused:
            applying(database, scripts, lock_timeout_ms=20, attempts=2)
    assert "report of the month" in refused.value.problem().hint
    assert ledger(database)[-1] == ("9001", "failed")
    assert ask(database, "SELECT version_num FROM alembic_version") == [(schema.known()[-1],)]


def test_a_killed_migration_leaves_a_dirty_state_that_is_refused_and_resumed(
    database: Cloned, continued: Write, applying: Run
) -> None:
    scripts = continued("CREATE TABLE half (id int); SELECT pg_sleep(60); CREATE TABLE other_half (id int)")
    with child(database, scripts) as process:
        wait_for(database, SLEEPS)
        with connected(database) as connection:
            assert schema.read(connection).state == "current"  # in progress is not dirty
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(database, GONE)
    with connected(database) as connection:
        found = service.read_status(connection)
    assert (found.state, found.hint, found.running) == ("dirty", "rtp db apply --resume", False)
    assert [one.revision for one in found.unfinished] == ["9001"]
    with pytest.raises(SchemaDirty, match="9001 began at") as refused:
        applying(database, scripts)
    assert (refused.value.exit_code, "rtp db apply --resume" in refused.value.problem().hint) == (6, True)
    mended = continued("CREATE TABLE half (id int); CREATE TABLE other_half (id int)")
    assert [one.revision for one in applying(database, mended, resume=True).applied] == ["9001"]
    assert ledger(database)[-2:] == [("9001", "resumed"), ("9001", "finished")]
    with connected(database) as connection:
        assert schema.version(connection) == "9001"
        assert repository.unfinished(connection) == []


def test_a_killed_concurrent_index_is_named_with_its_drop_and_built_anew_by_resume(
    database: Cloned, continued: Write, applying: Run
) -> None:
    scripts = continued("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_killed ON users (created_at)")
    with psycopg.connect(database.owner_url) as writer, child(database, scripts) as process:
        writer.execute("SET idle_in_transaction_session_timeout = 0")
        writer.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        wait_for(database, "SELECT count(*) > 0 FROM pg_stat_progress_create_index WHERE datname = current_database()")
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for(database, GONE)
    with connected(database) as connection:
        found = service.read_status(connection)
    assert found.state == "dirty"
    assert [(one.name, one.table, one.drop) for one in found.invalid_indexes] == [
        ("ix_killed", "users", "DROP INDEX CONCURRENTLY public.ix_killed")
    ]
    with pytest.raises(SchemaDirty, match="ix_killed"):
        applying(database, scripts)
    done = applying(database, scripts, resume=True)
    assert done.dropped == ["DROP INDEX CONCURRENTLY public.ix_killed"]
    assert ask(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_killed'::regclass") == [(True,)]


def test_a_killed_first_start_leaves_an_empty_database(empty: Cloned, continued: Write) -> None:
    scripts = continued("SELECT pg_sleep(60)")
    words = [sys.executable, "-c", CREATES, empty.owner_url, str(scripts.folders[0])]
    with subprocess.Popen(words) as process:
        wait_for(empty, SLEEPS)
        process.kill()
    ask(empty, f"SELECT pg_terminate_backend(pid) {HERE} wait_event = 'PgSleep'")
    with connected(empty) as connection:
        assert schema.read(connection).state == "empty"
    assert service.prepare(empty.owner_url).state == "current"
