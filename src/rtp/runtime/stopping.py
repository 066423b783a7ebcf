"""Ending an instance, also one whose supervisor was killed and whose files are stale."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from rtp.runtime import adopt, errors, lock, tied
from rtp.runtime.instance import Instance, account_sockets
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
    if not instance.exists:
        return True  # a throwaway instance removed itself
    try:
        with lock.held(instance.lock_file):
            left = end_leftovers(instance)
            _record_down(instance)
            remove_sockets(instance)
    except errors.InstanceRunning:
        return True  # somebody has started it anew since
    return pid is not None or left


def _record_down(instance: Instance) -> None:
    status = read(instance.state_file)
    if status is None:
        return
    status.pid = None
    for row in status.services:
        row.state, row.pid = "down", None
    Board(instance.state_file, status).write()


def remove_sockets(instance: Instance) -> None:
    """Remove the folders of the sockets, unless something is in them that is not ours."""
    (instance.socket_folder / "api.sock").unlink(missing_ok=True)
    for folder in (instance.socket_folder, _postgres(instance).sockets):
        with contextlib.suppress(OSError):
            folder.rmdir()


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
    launcher = Launcher(account=file.pg_account)
    sockets = account_sockets(instance.home, launcher.uid) if file.pg_account else instance.socket_folder
    return Postgres(Programs(Path(file.pg_bin), launcher), data, sockets, Path(os.devnull))
