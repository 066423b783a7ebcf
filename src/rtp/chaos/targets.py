"""The services of an instance as targets: found through its state file, and hit only if the process is that service."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rtp.chaos.errors import DidNotComeBack, TargetMissing
from rtp.runtime import adopt, lock, state
from rtp.runtime.instance import Instance
from rtp.runtime.state import ServiceState, Status
from rtp.settings import load

POLL_SECONDS = 0.05
PROGRAMS = {"postgres": "postgres", "valkey": "valkey-server"}
"""What the command line of a service begins with; the others are children of ours that name the instance."""
_pause = threading.Event()


def instance() -> Instance:
    """The instance that RTP_HOME names."""
    return Instance(load())


def status() -> Status:
    """What the supervisor wrote last.

    Raises: TargetMissing when no supervisor runs: then its file is only history.
    """
    here = instance()
    found = state.read(here.state_file)
    if found is None or lock.holder(here.lock_file) is None:
        raise TargetMissing(service="any service", why=f"nothing runs in {here.home}")
    return found


def service(name: str) -> ServiceState:
    """The row of a service.

    Raises: TargetMissing.
    """
    rows = status().services
    row = next((row for row in rows if row.name == name), None)
    if row is None:
        raise TargetMissing(service=name, why=f"there are {', '.join(row.name for row in rows)}")
    return row


@contextmanager
def held(name: str) -> Iterator[tuple[int, int]]:
    """The pid of a service and a handle of exactly that process.

    Raises: TargetMissing, also when the number belongs to another process by now.
    """
    row = service(name)
    if row.pid is None:
        raise TargetMissing(service=name, why=f"it is {row.state}")
    try:
        handle = os.pidfd_open(row.pid)
    except OSError:
        raise TargetMissing(service=name, why=f"process {row.pid} has ended") from None
    try:
        if not _is(name, row.pid):  # asked after the handle exists, so the number cannot have been reused between
            raise TargetMissing(service=name, why=f"process {row.pid} is another program")
        yield row.pid, handle
    finally:
        os.close(handle)


def _is(name: str, pid: int) -> bool:
    words = adopt.command(pid)
    if not words or not adopt.alive(pid):
        return False
    if program := PROGRAMS.get(name):
        return os.path.basename(words[0].split()[0].rstrip(":")) == program
    if str(instance().home) not in words:
        return False
    return name == "provider" or _process_name(pid) == f"rtp-{name}"[:15]


def _process_name(pid: int) -> str:
    try:
        return (adopt.PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def kill(name: str, number: signal.Signals = signal.SIGKILL) -> int:
    """Send a signal to a service's process; its pid.

    Raises: TargetMissing.
    """
    with held(name) as (pid, handle):
        signal.pidfd_send_signal(handle, number)
        if number is signal.SIGKILL:
            adopt.wait(pid, 5.0)
        return pid


def wait_up(name: str, seconds: float, *, other_than: int | None = None) -> ServiceState:
    """Wait until a service is up, with another process than the given one.

    Raises: DidNotComeBack.
    """

    def found() -> ServiceState:
        row = service(name)
        well = row.state in state.WELL and (row.pid is None or (row.pid != other_than and adopt.alive(row.pid)))
        return row if well else ServiceState(name=name, state="down", detail=row.state)

    return until(found, lambda row: row.state in state.WELL, seconds, what=name, wanted="up")


def until(
    ask: Callable[[], ServiceState], good: Callable[[ServiceState], bool], seconds: float, *, what: str, wanted: str
) -> ServiceState:
    """Ask again until the answer is good.

    Raises: DidNotComeBack.
    """
    deadline = time.monotonic() + seconds
    while not good(answer := ask()):
        if time.monotonic() >= deadline:
            found = answer.detail or answer.state
            raise DidNotComeBack(what=what, wanted=wanted, seconds=f"{seconds:g}", found=found)
        pause(POLL_SECONDS)
    return answer


def pause(seconds: float) -> None:
    """Wait a moment; a signal ends it."""
    _pause.wait(seconds)
