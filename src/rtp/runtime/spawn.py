"""Starting a process that is watched by its pid alone, in a session of its own, private to this user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rtp.runtime.pg_binaries import Identity


def private(path: str, flags: int) -> int:
    """Opens a file that only this user may read, whatever the umask."""
    return os.open(path, flags, 0o600)


def spawn(
    words: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    keep: Sequence[int] = (),
    identity: Identity | None = None,
) -> int:
    """Start a program with its output appended to `log` and the descriptors `keep` left open; its pid."""
    with open(log, "ab", opener=private) as output:
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd="/",
            start_new_session=True,
            pass_fds=keep,
            umask=0o077,
            **(identity or {}),
        )
    child.returncode = 0  # the subprocess module must not reap it, now or when this object goes: we do, by its pid
    return child.pid
