"""Locust in a process of its own: started, watched, ended with us; never imported."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from rtp.loadtests.policy import Counted
from rtp.runtime import tied

GRACE_SECONDS = 30.0
"""Beyond the run's own duration: starting, spawning, stopping."""
END_SECONDS = 10.0
POLL_SECONDS = 0.2
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Say = Callable[[str], None]


class Ended(msgspec.Struct, kw_only=True):
    """How the process of a run ended: `by` is the signal that we were sent, `cut` that it took too long."""

    code: int
    seconds: float
    by: signal.Signals | None = None
    cut: bool = False


class _Entry(msgspec.Struct):
    """One name in locust's file."""

    name: str
    num_requests: int
    num_failures: int
    total_response_time: float
    max_response_time: float
    response_times: dict[str, int]


class _Stop:
    """Takes the signals that would end us, so that the child is ended first and its figures are kept."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Stop:
        self._before = {number: signal.signal(number, self._take) for number in ENDING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        self.received = self.received or signal.Signals(number)


def run(
    locustfile: Path, folder: Path, *, url: str, token: str, users: int, spawn_rate: float, seconds: int, say: Say
) -> Ended:
    """Run a locustfile to its end; its figures and what it said are then in the folder."""
    flags = ["--headless", "--only-summary", "--exit-code-on-error", "0", "--stop-timeout", "5"]
    asked = ["-f", str(locustfile), "-u", str(users), "-r", f"{spawn_rate:g}", "-t", f"{seconds}s", "--host", url]
    files = ["--json-file", str(folder / "locust"), "--logfile", str(folder / "locust.log")]
    words = ["-m", *tied.words(str(folder)), str(os.getpid()), "locust", *flags, *asked, *files]
    with _Stop() as stop, (folder / "output.log").open("wb") as output:
        begun = time.monotonic()
        # A session of its own: a terminal's Ctrl-C reaches us alone, and we end it gently.
        child = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=_environment(folder, url, token),
            start_new_session=True,
        )
        cut = _watch(child, begun + seconds + GRACE_SECONDS, stop, say)
        return Ended(code=child.returncode, seconds=time.monotonic() - begun, by=stop.received, cut=cut)


def figures(folder: Path) -> list[Counted] | None:
    """What locust counted, by name; None when it left nothing."""
    try:
        entries = msgspec.json.decode((folder / "locust.json").read_bytes(), type=list[_Entry])
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return [
        Counted(
            name=entry.name,
            requests=entry.num_requests,
            failures=entry.num_failures,
            total_ms=entry.total_response_time,
            max_ms=entry.max_response_time,
            times={int(float(value)): count for value, count in entry.response_times.items()},
        )
        for entry in entries
    ]


def said(folder: Path) -> str:
    """All that locust said."""
    parts = [folder / "locust.log", folder / "output.log"]
    return "\n".join(part.read_text(errors="replace") for part in parts if part.exists())


def _watch(child: subprocess.Popen[bytes], deadline: float, stop: _Stop, say: Say) -> bool:
    """Wait for the end; whether it had to be cut off for taking too long."""
    try:
        while child.poll() is None:
            late = time.monotonic() > deadline
            if late or stop.received:
                say("Ending the load; what was measured is kept.")
                _end(child)
                return late
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(POLL_SECONDS)
        return False
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _end(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM makes locust write its figures; what does not end then is killed."""
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _environment(folder: Path, url: str, token: str) -> dict[str, str]:
    """Nothing of ours but the address and the run's own token; no settings of locust from elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RTP_", "LOCUST_"))}
    return kept | {"HOME": str(folder), "RTP_URL": url, "RTP_TOKEN": token}
