"""One supervisor for each instance: whoever holds the lock is it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from rtp.runtime import errors


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock with our pid in its file.

    Raises: InstanceRunning.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            home = path.parent.parent
            raise errors.InstanceRunning(noun="instance", key=home, home=home) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def holder(path: Path) -> int | None:
    """The pid of the running supervisor, None if nobody holds the lock; 0 if it has not written its pid yet."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        text = os.pread(handle, 32, 0).decode().strip()
        return int(text) if text else 0
    finally:
        os.close(handle)
