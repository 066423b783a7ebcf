"""kill -9 of every process in turn: it comes back, nothing stays behind, nothing of others is touched."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp.runtime import adopt
from rtp.runtime.instance import Instance
from rtp.runtime.postgres import Postgres
from rtp.runtime.site import open_site
from rtp.settings import Settings
from rtp.testing.waiting import eventually
from tests.runtime.conftest import New
from tests.runtime.instances import Platform, Way, ways

pytestmark = pytest.mark.prove("kills")
"""Each of these starts whole platforms; the plain run has those of test_up_and_down."""

WATCHED = ("postgres", "valkey", "provider", "preloader", "api", "worker")
BREAKABLE = [way for way in ways() if way.name in ("root", "an ordinary user")]

SAMPLE = {("root", "postgres"), ("an ordinary user", "api"), ("root", "worker"), ("an ordinary user", "preloader")}
"""The share that every gate sees: each takes a whole platform."""


def restarted(platform: Platform, service: str, killed: int) -> bool:
    status = platform.status()
    row = next(row for row in status["services"] if row["name"] == service)
    return bool(status["state"] == "healthy" and row["restarts"] == 1 and row["pid"] not in (None, killed))


def test_a_killed_supervisor_leaves_databases_that_the_next_up_adopts(platform: Platform) -> None:
    before = {row["name"]: row["pid"] for row in platform.status()["services"]}
    os.kill(before["supervisor"], signal.SIGKILL)
    eventually("the API ends with its supervisor", lambda: not adopt.alive(before["api"]))
    assert platform.rtp("status", expect=None).returncode == 10
    after = {row["name"]: row["pid"] for row in platform.json("up")["services"]}
    assert (after["postgres"], after["valkey"]) == (before["postgres"], before["valkey"])
    assert not {after["supervisor"], after["api"]} & {before["supervisor"], before["api"]}
    platform.rtp("down")
    assert platform.processes() == []


def test_down_ends_what_a_killed_supervisor_left(platform: Platform) -> None:
    os.kill(platform.pid("supervisor"), signal.SIGKILL)
    assert "Stopped" in platform.rtp("down").stderr
    assert platform.processes() == []
    assert platform.rtp("status", expect=None).returncode == 13


def test_a_killed_api_is_forked_again(platform: Platform) -> None:
    killed = platform.pid("api")
    os.kill(killed, signal.SIGKILL)
    eventually("the API is back", lambda: restarted(platform, "api", killed))
    assert "killed by signal 9" in (platform.home / "logs" / "supervisor.log").read_text()
    platform.rtp("down")
    assert platform.processes() == []


@pytest.mark.parametrize(
    "way, service",
    [
        pytest.param(
            way,
            service,
            id=f"{service}-{way.name.replace(' ', '-')}",
            marks=pytest.mark.prove("kills", sample=(way.name, service) in SAMPLE),
        )
        for way in BREAKABLE
        for service in WATCHED
    ],
)
def test_a_killed_service_comes_back_and_down_leaves_nothing(new: New, way: Way, service: str) -> None:
    platform = new(way=way)
    platform.rtp("up")
    killed = platform.pid(service)
    os.kill(killed, signal.SIGKILL)
    eventually(f"{service} is back", lambda: restarted(platform, service, killed))
    platform.rtp("down")
    assert platform.processes() == []


@pytest.mark.prove("kills")
def test_everything_killed_at_once_is_clean_after_the_next_up(platform: Platform) -> None:
    for pid in platform.processes():
        with contextlib.suppress(ProcessLookupError):  # it ended because the one before did
            os.kill(pid, signal.SIGKILL)
    eventually("all are gone", lambda: not platform.processes())
    assert platform.json("up")["state"] == "healthy"
    platform.rtp("down")
    assert platform.processes() == []


@pytest.fixture
def server(new: New) -> Postgres:
    """A database that was created and is stopped."""
    platform = new()
    platform.rtp("up")
    platform.rtp("down")
    site = open_site(Instance(Settings(home=str(platform.home))), Settings(home=str(platform.home)))
    assert site.postgres
    return site.postgres


@pytest.fixture
def zombie() -> Iterator[int]:
    """The pid of a process that ended and is not reaped."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    yield child.pid
    child.wait()


def test_the_pid_file_of_a_zombie_does_not_block_the_start(server: Postgres, zombie: int) -> None:
    starts_in_spite_of(server, zombie)


def test_the_pid_file_of_another_program_does_not_block_the_start(server: Postgres) -> None:
    with subprocess.Popen(["sleep", "600"]) as foreign:
        try:
            starts_in_spite_of(server, foreign.pid)
            assert foreign.poll() is None
        finally:
            foreign.kill()


def starts_in_spite_of(server: Postgres, pid: int) -> None:
    lines = [str(pid), str(server.data), "1700000000", "5432", str(server.sockets), "", "  12345      0", "ready   "]
    server.pid_file.write_text("\n".join(lines) + "\n")
    lock = server.sockets / ".s.PGSQL.5432.lock"
    lock.write_text("\n".join(lines[:5]) + "\n")
    assert server.running() is None
    started = server.start()
    try:
        eventually("PostgreSQL takes connections", server.ready)
        assert server.running() == started
    finally:
        assert server.stop()
        os.waitpid(started, 0)


def test_backends_of_a_killed_postmaster_are_ended_before_its_pid_file_goes(server: Postgres) -> None:
    import psycopg

    started = server.start()
    eventually("PostgreSQL takes connections", server.ready)
    instance = Instance(Settings(home=str(server.data.parent.parent)))
    with psycopg.connect(server.owner_url(instance.secrets())) as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # it cannot notice that its postmaster died
        os.kill(started, signal.SIGKILL)
        os.waitpid(started, 0)
        assert backend in adopt.working_in(server.data)
        server.clean()
        assert not adopt.alive(backend)
    assert not Path(server.pid_file).exists()
