"""Processes by what they are, not only by number: a pid file alone never decides whom a signal reaches."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PROC = Path("/proc")
Steps = tuple[tuple[signal.Signals, float], ...]
"""Signals to send one after the other, each with the seconds to wait for the end."""


def command(pid: int) -> list[str]:
    """The command line of a process, empty if it is gone, a zombie, or not readable."""
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(word) for word in raw.rstrip(b"\0").split(b"\0")] if raw else []


def alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def is_server(pid: int, words: Iterable[str], uids: Iterable[int] = ()) -> bool:
    """Whether the process is alive, belongs to us (or one of `uids`) and its command line contains every word."""
    try:
        owner = (PROC / str(pid)).stat().st_uid
    except OSError:
        return False
    if owner not in {os.geteuid(), *uids} or not alive(pid):
        return False
    found = command(pid)
    return all(word in found for word in words)


def find(words: Iterable[str], uids: Iterable[int] = ()) -> list[int]:
    """Every process whose command line contains all the words, whatever any file says."""
    wanted = list(words)
    return [pid for pid in pids() if pid != os.getpid() and is_server(pid, wanted, uids)]


def working_in(folder: Path) -> list[int]:
    """Every process whose working folder is this one: the backends that a killed postmaster left behind."""
    found = []
    for pid in pids():
        try:
            here = os.readlink(PROC / str(pid) / "cwd")
        except OSError:
            continue
        if here == str(folder.resolve()) and alive(pid):
            found.append(pid)
    return found


def pids() -> Iterator[int]:
    """All process ids of the machine."""
    return (int(entry.name) for entry in os.scandir(PROC) if entry.name.isdigit())


def started(pid: int) -> str:
    """When a process began, as an ISO instant, empty if it is gone."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((PROC / str(pid)).stat().st_ctime))
    except OSError:
        return ""


def open_pid(pid: int, words: Iterable[str], uids: Iterable[int] = ()) -> int | None:
    """A pidfd of the process if it is the server that the words describe; the caller closes it."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    if is_server(pid, words, uids):  # asked after the handle exists, so the number cannot have been reused between
        return handle
    os.close(handle)
    return None


def end(pid: int, steps: Steps) -> bool:
    """Send each signal and wait up to its seconds for the process to end; whether it ended.

    A paused process would not see a signal before SIGKILL, which is the one end that cleans nothing up: it is woken.
    """
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return not alive(pid)
    try:
        for number, seconds in steps:
            try:
                signal.pidfd_send_signal(handle, number)
                signal.pidfd_send_signal(handle, signal.SIGCONT)
            except ProcessLookupError:
                return True
            except PermissionError:
                return False
            if _ended(handle, pid, seconds):
                return True
    finally:
        os.close(handle)
    return False


def wait(pid: int, seconds: float) -> bool:
    """Wait up to so many seconds for a process to end; whether it ended."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        return _ended(handle, pid, seconds)
    finally:
        os.close(handle)


def _ended(handle: int, pid: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(int(seconds * 1000))) or not alive(pid)
