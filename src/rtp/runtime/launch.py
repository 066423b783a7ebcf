"""The use cases of `rtp up`, `rtp down` and `rtp status`, for the command line and for tests."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from rtp.errors import ExitCode, Problem, RtpError
from rtp.runtime import adopt, errors, lock, state
from rtp.runtime.instance import Instance
from rtp.runtime.report import Report
from rtp.runtime.site import exported, python
from rtp.runtime.spawn import spawn
from rtp.runtime.state import ServiceState, Status
from rtp.runtime.tails import log_end
from rtp.settings import Settings

READY_SECONDS = 60.0
POLL_SECONDS = 0.03
STOP_SECONDS = 30.0
Progress = Callable[[ServiceState], None]


class StartFailed(RtpError):
    """The instance did not start."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        super().__init__()
        self.exit_code = ExitCode(problem.exit_code)  # type: ignore[misc]

    @property
    def message(self) -> str:
        """What the supervisor said."""
        return self._problem.detail

    def problem(self, request_id: str = "") -> Problem:
        """The supervisor's own problem."""
        return self._problem


@dataclass(frozen=True)
class Started:
    """What `up` did: the instance's status, and whether it was running already."""

    status: Status
    already: bool


def up(
    settings: Settings,
    *,
    seconds: float = READY_SECONDS,
    progress: Progress = lambda _: None,
    throwaway: int = -1,
    demo: bool = False,
) -> Started:
    """Start the instance in the background, or wait for the one that already runs.

    `throwaway` is a file descriptor: when its other end closes, the instance stops and removes itself.

    Raises: HomeNotWritable and the other errors of starting, StartFailed, NotReadyInTime.
    """
    instance = Instance(settings)
    deadline = time.monotonic() + seconds
    instance.prepare(environment=settings.environment, demo=demo)
    already = lock.holder(instance.lock_file) is not None
    if not already:
        try:
            _start(instance, settings, deadline, progress, throwaway)
        except StartFailed as failed:
            if failed.problem().code != errors.InstanceRunning.code():
                raise
            already = True  # another `rtp up` was a moment quicker
    return Started(_wait(instance, deadline, seconds), already)


def _start(instance: Instance, settings: Settings, deadline: float, progress: Progress, lifeline: int) -> None:
    reader, writer = os.pipe()
    rest = ["--lifeline", str(lifeline), "--throwaway"] if lifeline >= 0 else []
    log = instance.logs / "supervisor.log"
    words = python("rtp.runtime.supervisor", str(instance.home), "--report", str(writer), *rest)
    with os.fdopen(reader, "rb", buffering=0) as reports:
        child = spawn(words, log=log, env=exported(settings), keep=[writer, *([lifeline] if lifeline >= 0 else [])])
        os.close(writer)
        for line in _lines(reports.fileno(), deadline):
            report = msgspec.json.decode(line, type=Report)
            if report.problem is not None:
                adopt.wait(child, STOP_SECONDS)
                raise StartFailed(report.problem)
            if report.service is not None:
                progress(report.service)
            if report.ready:
                return
        if not adopt.alive(child):
            raise errors.ServiceDidNotStart(service="supervisor", why=log_end(log, 3))


def _lines(number: int, deadline: float) -> Iterator[bytes]:
    """Whole lines from a pipe until it is closed or the time is over."""
    rest = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([number], [], [], left)[0]:
            return
        chunk = os.read(number, 65536)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def _wait(instance: Instance, deadline: float, seconds: float) -> Status:
    """Wait until the running instance has nothing in starting any more."""
    while True:
        found = status(instance)
        if found.started:
            return found
        if time.monotonic() >= deadline:
            waiting = ", ".join(f"{row.name} ({row.state})" for row in found.services if row.state not in state.WELL)
            raise errors.NotReadyInTime(what="The instance", seconds=seconds, waiting_for=waiting or "supervisor")
        time.sleep(POLL_SECONDS)


def status(instance: Instance) -> Status:
    """What the supervisor says, checked against what is really there."""
    found = state.read(instance.state_file)
    if found is None:
        found = Status(home=str(instance.home))
        if instance.exists:
            found.environment = instance.read().environment
        return found
    watched = lock.holder(instance.lock_file) is not None
    for row in found.services:
        if row.pid is not None and not adopt.alive(row.pid):
            row.state, row.pid, row.detail = "down", None, "it ended unwatched"
        elif row.pid is not None and not watched:
            row.state, row.detail = "degraded", "nobody watches it: the supervisor is gone"
        elif not watched and row.state != "external":
            row.state = "down"
    running = any(row.pid is not None for row in found.services)
    found.state = state.health(found.services) if running else "down"
    found.started = found.started and watched
    return found
