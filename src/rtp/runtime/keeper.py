"""Keeping one service running: start, wait until it answers, watch, and after an end start again, ever more slowly."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable

from rtp.errors import RtpError
from rtp.runtime.preloader import PreloaderGone
from rtp.runtime.services import Service, failure
from rtp.runtime.state import WELL, Board

START_POLL = 0.03
WATCH_POLL = 1.0
STABLE_SECONDS = 30.0


class Backoff:
    """Waits that double from `first` to `longest` with ±50 % jitter, and begin anew after a stable time."""

    def __init__(self, first: float = 0.1, longest: float = 30.0) -> None:
        self.first, self.longest = first, longest
        self.failures = 0

    def next(self, lasted: float) -> float:
        """Seconds until the next start of a service that lasted so long."""
        if lasted >= STABLE_SECONDS:
            self.failures = 0
        wait = min(self.longest, self.first * 2.0**self.failures)
        self.failures += 1
        return wait * random.uniform(0.5, 1.5)


class Keeper:
    """One service and its state on the board."""

    def __init__(self, service: Service, board: Board, fail: Callable[[RtpError], bool]) -> None:
        self.service = service
        self.board = board
        self.fail = fail
        self.pid: int | None = None

    async def keep(self) -> None:
        """Keep it running until cancelled, or until `fail` takes its first failure as the end of everything."""
        backoff, restarted = Backoff(), False
        while True:
            began = time.monotonic()
            self.board.set(self.service.name, "starting", restarted=restarted)
            try:
                why = await self._once()
            except (RtpError, OSError, PreloaderGone) as error:
                why = str(error) or type(error).__name__
                problem = error if isinstance(error, RtpError) else failure(self.service, why)
            else:
                problem = failure(self.service, why)
            self.pid = None
            self.board.set(self.service.name, "backoff", detail=why)
            if self.fail(problem):
                return
            await asyncio.sleep(backoff.next(time.monotonic() - began))
            restarted = True

    async def _once(self) -> str:
        """One life of the service; how it ended."""
        self.pid = pid = await self.service.start()
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return "it ended at once"
        ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(handle, _resolve, ended)
        try:
            self.board.set(self.service.name, "starting", pid=pid)
            watching = asyncio.create_task(self._watch(pid))
            try:
                done, _ = await asyncio.wait({ended, watching}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                watching.cancel()
            if watching in done:
                watching.result()  # it watches for ever, so this raises: nobody may take a blind watcher for health
            return describe(await self.service.exit_code(pid))
        finally:
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)

    async def _watch(self, pid: int) -> None:
        """Ask the service how it does; one that was well and no longer answers is degraded, not starting."""
        while True:
            state = await asyncio.to_thread(self.service.ready)
            was = self.board.get(self.service.name).state
            if state == "up":
                self.board.set(self.service.name, "up", pid=pid)
            elif was in WELL or was == "degraded":
                self.board.set(self.service.name, "degraded", pid=pid, detail=self.service.why)
            elif state == "degraded" and self.service.name.startswith("api"):
                self.board.set(self.service.name, "degraded", pid=pid, detail="it is alive but not ready")
            await asyncio.sleep(START_POLL if was == "starting" else WATCH_POLL)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def describe(code: int | None) -> str:
    """How a process ended, in words; None if only its parent can know."""
    if code is None:
        return "it ended"
    return f"killed by signal {-code}" if code < 0 else f"it ended with exit code {code}"
