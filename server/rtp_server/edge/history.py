"""The history of requests on its way to the database: buffered, written once a second, never in a request's way."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rtp.errors import RtpError
from rtp.telemetry import service as telemetry
from rtp.telemetry.schemas import RequestRecord
from rtp_server.edge import metrics
from rtp_server.state import State

SECONDS = 1.0
HELD = 20_000
"""Requests that wait at most; what comes while as many wait is counted, and missing in the history."""
BATCH = 2_000
LAST_SECONDS = 3.0
"""How long a process that ends tries to write the rest."""

_log = structlog.get_logger("rtp.history")


class History:
    """The buffer of one API process."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.waiting: deque[tuple[UUID, RequestRecord]] = deque()
        self.dropped = 0
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def note(self, scope: Any, route: str, status: int, seconds: float) -> None:
        """Take one finished request; its figures are those of its line in the access log."""
        if len(self.waiting) >= HELD:
            self.dropped += 1
            metrics.HISTORY_DROPPED.inc()
            return
        shared = scope["state"]
        principal = shared.get("principal")
        record = RequestRecord(
            at=self.state.frames.clock.now(),
            method=scope["method"],
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            request_id=shared["request_id"],
            actor_kind=principal.kind if principal else "none",
        )
        self.waiting.append((self.state.frames.ids.uuid(), record))

    def start(self) -> None:
        """Begin to write once a second."""
        self._task = asyncio.create_task(self._write_on())

    async def stop(self) -> None:
        """Write the rest, for a short while."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        with suppress(TimeoutError):
            await asyncio.wait_for(self.flush(), LAST_SECONDS)
        if self.waiting:
            _log.warning("history_lost", requests=len(self.waiting))

    async def flush(self) -> None:
        """Write what waits; what the database does not take waits on."""
        while self.waiting:
            batch = list(islice(self.waiting, BATCH))
            try:
                await telemetry.store(self.state.database, batch)
            except (RtpError, SQLAlchemyError) as error:
                self._tell(error)
                return
            for _ in batch:
                self.waiting.popleft()
            self._failing = False

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(SECONDS)
            await self.flush()

    def _tell(self, error: Exception) -> None:
        """One line when it begins to fail, not one a second."""
        if not self._failing:
            self._failing = True
            _log.warning("history_not_written", error=str(error).partition("\n")[0], waiting=len(self.waiting))
