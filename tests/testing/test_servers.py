"""The servers of a test run: shared by its processes, a database per test, ended with the run however that ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from rtp.testing import servers
from rtp.testing.keeper import Services
from rtp.testing.servers import Cloned

FAKE_RUN = """
import os, sys, time
from rtp.testing import servers
folder = servers.begin_run()
servers.start_keeper(folder, os.getpid())
print(folder, (folder / "keeper.pid").read_text(), flush=True)
time.sleep(600)
"""


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows}


def test_a_clone_has_the_schema_and_what_is_written_stays_in_it(services: Services) -> None:
    with servers.cloned(services) as first, servers.cloned(services) as second:
        assert {"users", "audit", "events"} <= tables(first.app_url)
        with psycopg.connect(first.owner_url) as connection:
            connection.execute("CREATE TABLE only_here (id int)")
        assert "only_here" in tables(first.app_url)
        assert "only_here" not in tables(second.app_url)


def test_a_clone_is_dropped_even_while_somebody_is_connected(services: Services) -> None:
    with servers.cloned(services) as clone:
        left_open = psycopg.connect(clone.app_url)
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    left_open.close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(clone.app_url)


@pytest.mark.parametrize("table", ["audit", "events"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_role_of_the_application_cannot_rewrite_what_happened(database: Cloned, table: str, statement: str) -> None:
    with psycopg.connect(database.app_url) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement.format(table))


def test_valkey_is_empty_for_each_test_that_asks_for_it(redis_url: str) -> None:
    import redis

    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_the_servers_end_when_the_run_is_killed(tmp_path: Path) -> None:
    run = subprocess.Popen([sys.executable, "-c", FAKE_RUN], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    place, keeper = run.stdout.readline().split()
    handle = os.pidfd_open(int(keeper))
    postgres = int((Path(place) / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
    database = os.pidfd_open(postgres)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert select.select([handle], [], [], 60)[0], "the keeper outlived its run"
    assert select.select([database], [], [], 60)[0], "PostgreSQL outlived its run"
    assert not Path(place).exists()
    os.close(handle)
    os.close(database)


def test_files_lie_in_memory_only_where_there_is_plenty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "NEEDED", 1)
    assert servers.place(tmp_path) == str(tmp_path)
    monkeypatch.setattr(servers, "NEEDED", 10**18)
    assert servers.place(tmp_path) == tempfile.gettempdir()
    assert servers.place(tmp_path / "missing") == tempfile.gettempdir()


def test_two_processes_of_a_run_share_one_server(services: Services) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", "from rtp.testing import servers; print(servers.services().redis_url)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.strip() == services.redis_url
