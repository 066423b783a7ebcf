"""The process that owns a test run's PostgreSQL and Valkey: they end with the run, however that ends.

`python -m rtp.testing.keeper FOLDER PID`: everything lies in FOLDER; the run is over when PID has ended or on SIGTERM.
"""

from __future__ import annotations

import os
import secrets
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import msgspec

from rtp.runtime.instance import Secrets
from rtp.runtime.pg_binaries import Programs, programs, reachable
from rtp.runtime.pg_create import create
from rtp.runtime.postgres import Postgres, log_end
from rtp.runtime.valkey import Valkey, program

START_SECONDS = 60.0
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "128MB",  # the files may lie in memory
    "autovacuum": "off",  # a clone is gone before it is worth it, and a vacuum holds up every relay's horizon
    "max_connections": "300",
    "idle_in_transaction_session_timeout": "120s",  # a machine under load may pause a test that holds a frame
}
"""A test database needs to survive nothing; crash tests run real instances of their own."""


class Services(msgspec.Struct, kw_only=True):
    """Where the servers of a run are; both roles' URLs name the empty database `rtp`."""

    owner_url: str
    app_url: str
    redis_url: str


def main() -> int:
    """Start both servers, say where they are, wait for the end of the run, stop them, remove the folder."""
    folder, run = Path(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    postgres, valkey, keys = prepare(folder)
    try:
        create(postgres, keys, durable=False)
        postgres.start(**FAST)
        valkey.start()
        wait_until_ready(postgres, valkey)
        write(
            folder, Services(owner_url=postgres.owner_url(keys), app_url=postgres.app_url(keys), redis_url=valkey.url)
        )
        wait_for_end(run)
    finally:
        postgres.stop()
        valkey.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def prepare(folder: Path) -> tuple[Postgres, Valkey, Secrets]:
    """Lay out the folders; PostgreSQL's belong to the account it runs as, where that is not ours."""
    found = reachable(programs(os.environ.get("RTP_PG_BIN", "")), folder)
    database, sockets = folder / "postgres", folder / "sockets"
    for path in (database, sockets):
        path.mkdir(mode=0o700)
    give(found, folder, database, sockets)
    log = folder / "postgres.log"
    postgres = Postgres(programs=found, data=database / "data", sockets=sockets, log=log)
    valkey = Valkey(program=program(), sockets=folder, pid_file=folder / "valkey.pid", log=folder / "valkey.log")
    keys = Secrets(owner_password=secrets.token_hex(8), app_password=secrets.token_hex(8), signing_key="")
    return postgres, valkey, keys


def give(found: Programs, folder: Path, *owned: Path) -> None:
    """Let another account reach its folders, and only those."""
    if found.launcher.account:
        folder.chmod(0o711)
        for path in owned:
            os.chown(path, found.launcher.uid, found.launcher.gid)


def wait_until_ready(postgres: Postgres, valkey: Valkey) -> None:
    """Wait until both answer; says what the log ends with when PostgreSQL does not."""
    deadline = time.monotonic() + START_SECONDS
    while not (postgres.ready() and valkey.ready()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the test run's servers did not start:\n{log_end(postgres.log)}")
        time.sleep(0.02)


def write(folder: Path, services: Services) -> None:
    """Publish the addresses in one step."""
    partial = folder / "services.json.new"
    partial.write_bytes(msgspec.json.encode(services))
    partial.rename(folder / "services.json")


def wait_for_end(run: int) -> None:
    """Return when the process of the run has ended."""
    try:
        handle = os.pidfd_open(run)
    except ProcessLookupError:
        return
    select.select([handle], [], [])


if __name__ == "__main__":
    sys.exit(main())
