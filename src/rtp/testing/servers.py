"""The servers of a test run as its processes see them: started when first needed, one template, a clone per test."""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec
import psycopg
from psycopg import sql

from rtp.testing.keeper import START_SECONDS, Services

RUN = "RTP_TEST_RUN"
TEMPLATE = "rtp_template"
MEMORY = Path("/dev/shm")  # noqa: S108 - looked at before it is used
NEEDED = 2_000_000_000
"""Bytes that must be free in memory: a run's servers take a quarter of it."""
_numbers = itertools.count(1)
_keepers: list[subprocess.Popen[bytes]] = []
"""Held until the process ends: a keeper outlives whoever started it."""


@dataclass(frozen=True)
class Cloned:
    """A migrated database of its own: the URLs of both roles."""

    name: str
    owner_url: str
    app_url: str


def begin_run() -> Path:
    """Make the run's folder and tell the child processes of this one where it is."""
    folder = Path(tempfile.mkdtemp(prefix="rtp-tests-", dir=place()))
    os.environ[RUN] = f"{folder}:{os.getpid()}"
    return folder


def place(memory: Path = MEMORY) -> str:
    """Where the servers of tests keep their files: in memory where there is plenty.

    A database is four hundred files; ext4 makes them twenty times slower where as many were just removed.
    """
    try:
        found = os.statvfs(memory)
        available = int(re.findall(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())[0]) * 1024
    except (OSError, IndexError):
        return tempfile.gettempdir()
    free = min(found.f_bavail * found.f_frsize, available // 2)
    usable = os.access(memory, os.W_OK | os.X_OK) and not found.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return str(memory) if usable and free >= NEEDED else tempfile.gettempdir()


def end_run(folder: Path) -> None:
    """Ask the keeper to stop the servers, wait for it, and remove what is left."""
    try:
        handle = os.pidfd_open(int((folder / "keeper.pid").read_text()))
    except (FileNotFoundError, ProcessLookupError):
        shutil.rmtree(folder, ignore_errors=True)
        return
    signal.pidfd_send_signal(handle, signal.SIGTERM)
    select.select([handle], [], [], START_SECONDS)
    os.close(handle)


def services() -> Services:
    """The run's servers; the first process that asks has them started and the template migrated."""
    place, _, pid = os.environ[RUN].rpartition(":")
    folder = Path(place)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "services.json").exists():
            start_keeper(folder, int(pid))
        found = msgspec.json.decode((folder / "services.json").read_bytes(), type=Services)
        if not (folder / "template").exists():
            make_template(found)
            (folder / "template").touch()
    return found


def start_keeper(folder: Path, run: int) -> None:
    """Start the keeper in a session of its own and wait until its servers answer."""
    with (folder / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "rtp.testing.keeper", str(folder), str(run)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _keepers.append(keeper)
    (folder / "keeper.pid").write_text(str(keeper.pid))
    deadline = time.monotonic() + 2 * START_SECONDS
    while not (folder / "services.json").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the test run's servers did not start:\n{_tail(folder / 'keeper.log')}")
        time.sleep(0.02)


def make_template(found: Services) -> None:
    """A database with the whole schema and nothing in it."""
    from rtp.migrations import service as migrations  # alembic is slow to import, and once per run is enough

    with psycopg.connect(found.owner_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    migrations.prepare(with_database(found.owner_url, TEMPLATE))


@contextmanager
def cloned(found: Services) -> Iterator[Cloned]:
    """A clone of the template, dropped at the end whoever is still connected."""
    name = f"rtp_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(found.owner_url, autocommit=True) as connection:
        what = {"name": sql.Identifier(name), "template": sql.Identifier(TEMPLATE)}
        connection.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY").format(**what))
        try:
            yield Cloned(name, with_database(found.owner_url, name), with_database(found.app_url, name))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**what))


def with_database(url: str, name: str) -> str:
    """The same URL for another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-20:])
