"""Ending an instance, also one whose supervisor was killed and whose files are stale."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from rtp.runtime import adopt, errors, lock, tied
from rtp.runtime.instance import Instance
from rtp.runtime.pg_binaries import Programs
from rtp.runtime.postgres import Postgres
from rtp.runtime.state import Board, read
from rtp.runtime.userns import Launcher
from rtp.runtime.valkey import Valkey

TIED: adopt.Steps = ((signal.SIGTERM, 8.0), (signal.SIGKILL, 5.0))
SUPERVISOR: adopt.Steps = ((signal.SIGTERM, 60.0), (signal.SIGKILL, 5.0))


def stop(instance: Instance) -> bool:
    """End the instance and everything that belongs to it; whether anything was running.

    Raises: StopFailed.
    """
    if not instance.exists:
        return False
    pid = _supervisor(instance)
    if pid is not None:
        adopt.end(pid, SUPERVISOR)
    left = end_leftovers(instance)
    status = read(instance.state_file)
    if status is not None:
        status.pid = None
        board = Board(instance.state_file, status)
        for row in status.services:
            row.state, row.pid = "down", None
        board.write()
    return pid is not None or left


def _supervisor(instance: Instance) -> int | None:
    deadline = time.monotonic() + 5.0
    while (pid := lock.holder(instance.lock_file)) == 0 and time.monotonic() < deadline:
        time.sleep(0.02)  # it holds the lock but has not written its pid yet
    return pid or None


def end_leftovers(instance: Instance, *, keep_databases: bool = False) -> bool:
    """End what a killed supervisor left, found by its command lines; PostgreSQL and Valkey stay if they are adopted.

    Raises: StopFailed.
    """
    words = tied.words(str(instance.home))
    left = adopt.find(words)
    stuck = [pid for pid in left if not adopt.end(pid, TIED)]
    if instance.exists and not keep_databases:
        for server in (_valkey(instance), _postgres(instance)):
            pid = server.running()
            if pid is not None:
                left.append(pid)
                stuck += [] if server.stop() else [pid]
    if stuck:
        raise errors.StopFailed(pids=",".join(map(str, stuck)))
    return bool(left)


def _valkey(instance: Instance) -> Valkey:
    return Valkey(Path("valkey-server"), instance.socket_folder, instance.run / "valkey.pid", Path(os.devnull))


def _postgres(instance: Instance) -> Postgres:
    file = instance.read()
    data = Path(file.pg_data) if file.pg_data else instance.data / "postgres"
    programs = Programs(Path(file.pg_bin), Launcher(account=file.pg_account))
    return Postgres(programs, data, instance.socket_folder, Path(os.devnull))
