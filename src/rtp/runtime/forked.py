"""API processes and the worker, which are forked from the preloaded child."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Literal

import rtp
from rtp.runtime import adopt, probe
from rtp.runtime.preloader import Preloader
from rtp.runtime.site import Site
from rtp.runtime.state import now

GENTLY: adopt.Steps = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
EXIT_POLLS = 20
ASK_WORKER_SECONDS = 3.0
FIRST_SIGN_SECONDS = 15.0
"""A worker that was just started may still wait for the schema."""
UNANSWERED = "it does not answer as it should"


class ForkedService:
    """An API process or the worker."""

    version = rtp.__version__
    why = UNANSWERED
    stop_steps = GENTLY

    def __init__(self, site: Site, preloader: Preloader, name: str, role: Literal["api", "worker"]) -> None:
        self.site = site
        self.preloader = preloader
        self.name = name
        self.role = role

    async def start(self) -> int:
        """Fork it once the server is imported and the database prepared."""
        await self.preloader.loaded.wait()
        await self.preloader.prepared.wait()
        return await self.preloader.fork(self.name, self.role)

    def ready(self) -> Literal["up", "degraded", "starting"]:
        """Asked of itself, over the socket."""
        if probe.http_status(self.site.api_socket, "/health/ready") == 200:
            return "up"
        alive = probe.http_status(self.site.api_socket, "/health/live") == 200
        return "degraded" if alive else "starting"

    async def exit_code(self, pid: int) -> int | None:
        """What the preloaded child, its parent, tells a moment later; ours to reap if that one was killed."""
        for _ in range(EXIT_POLLS):
            if pid in self.preloader.exits:
                return self.preloader.exits.pop(pid)
            if (code := reap(pid)) is not None:
                return code
            await asyncio.sleep(0.01)
        return None

    def log(self) -> Path:
        """Where its output goes."""
        return self.site.instance.logs / f"{self.role}.log"


class WorkerService(ForkedService):
    """The worker: it has no socket, so the API is asked whether the database has heard of it.

    Until it was heard for the first time, and while the API does not answer, it is up as long as it runs.
    """

    def __init__(self, site: Site, preloader: Preloader) -> None:
        super().__init__(site, preloader, "worker", "worker")
        self._began = self._asked = 0.0
        self._silent = False

    async def start(self) -> int:
        """Fork it; what was heard of the one before it does not count."""
        self._began, self._silent, self.why = time.monotonic(), False, f"silent since {now()}"
        return await super().start()

    def ready(self) -> Literal["up", "degraded", "starting"]:
        """Whether it was heard of; asked every few seconds, as its signs of life are no closer."""
        at = time.monotonic()
        if at - self._asked >= ASK_WORKER_SECONDS and at - self._began >= FIRST_SIGN_SECONDS:
            self._asked = at
            status = probe.http_status(self.site.api_socket, "/health/worker")
            self._silent = status == 503
            if status == 200:
                self.why = f"silent since {now()}"
        return "degraded" if self._silent else "up"


def reap(pid: int) -> int | None:
    """The exit code of a child that ended; None if it is not our child."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None
