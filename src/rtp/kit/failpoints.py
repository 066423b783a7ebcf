"""Named places where a process can be told to end as if killed, for crash tests (`RTP_FAILPOINT=name` or `name:N`)."""

from __future__ import annotations

import os
import signal

NAMES = frozenset(
    {
        "api.before_commit",
        "api.after_commit",
        "job.before_provider",
        "job.after_provider",
        "job.after_commit",
        "relay.after_delivery",
        "sandbox.after_journal",
        "webhook.after_commit",
        "webhook.before_commit",
        "saga.before_step",
        "saga.after_step",
        "saga.after_transition",
        "bulk.in_chunk",
    }
)
"""Every place there is."""

_armed = ""
_left = 0


def arm(spec: str) -> None:
    """Arm a failpoint: the process dies the first (or N-th) time it is reached.

    Raises: ValueError for a name that no place has.
    """
    global _armed, _left
    name, _, count = spec.partition(":")
    if name and name not in NAMES:
        raise ValueError(f"there is no failpoint {name!r}; known are {', '.join(sorted(NAMES))}")
    _armed, _left = name, int(count or 1)


def reach(name: str) -> None:
    """Die here by SIGKILL if this place is armed."""
    global _left  # noqa: PLW0603
    if name == _armed:
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
