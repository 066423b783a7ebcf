"""Named places where a process can be told to end as if killed, for crash tests (`RTP_FAILPOINT=name` or `name:N`).

`name:N:stop` puts it to sleep there instead (SIGSTOP): a worker that is taken for dead and wakes up later.
"""

from __future__ import annotations

import os
import signal

NAMES = frozenset(
    {
        "api.before_commit",
        "api.after_commit",
        "job.before_submit",
        "job.before_provider",
        "job.after_provider",
        "job.before_commit",
        "job.after_commit",
        "relay.before_delivery",
        "relay.after_delivery",
        "relay.after_commit",
        "sandbox.before_journal",
        "sandbox.after_journal",
        "webhook.after_commit",
        "webhook.before_commit",
        "received.before_asking",
        "received.after_asking",
        "received.before_commit",
        "mend.before_commit",
        "mend.after_commit",
        "saga.before_step",
        "saga.after_step",
        "saga.after_transition",
        "bulk.in_chunk",
        "delivery.before_send",
        "delivery.after_postponing",
        "delivery.after_send",
        "delivery.before_commit",
        "delivery.after_commit",
    }
)
"""Every place there is."""

_armed = ""
_left = 0
_signal = signal.SIGKILL


def arm(spec: str) -> None:
    """Arm a failpoint: the process dies, or stops, the first (or N-th) time it is reached.

    Raises: ValueError for a name that no place has, or another end.
    """
    global _armed, _left, _signal
    name, _, rest = spec.partition(":")
    count, _, end = rest.partition(":")
    if name and name not in NAMES:
        raise ValueError(f"there is no failpoint {name!r}; known are {', '.join(sorted(NAMES))}")
    if end not in {"", "stop"}:
        raise ValueError(f"a process is killed, or sleeps by `stop`, and not by {end!r}")
    _armed, _left, _signal = name, int(count or 1), signal.SIGSTOP if end else signal.SIGKILL


def reach(name: str) -> None:
    """Die here by SIGKILL, or sleep once, if this place is armed."""
    global _armed, _left  # noqa: PLW0603
    if name == _armed:
        _left -= 1
        if _left <= 0:
            _armed = ""
            os.kill(os.getpid(), _signal)
