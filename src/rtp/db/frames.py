"""Opens frames: for reading in autocommit, for writing in a transaction that is committed once, at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from rtp.db.engine import Database
from rtp.db.frame import Frame
from rtp.db.premises import Premises
from rtp.kit.clock import Clock, SystemClock
from rtp.kit.ids import IdSource
from rtp.kit.trace import Trace
from rtp.permissions import Principal

if TYPE_CHECKING:
    from rtp.cache.service import Cache


class Frames:
    """Makes the frames of one process."""

    def __init__(
        self,
        database: Database,
        clock: Clock | None = None,
        cache: Cache | None = None,
        premises: Premises | None = None,
    ) -> None:
        self.database = database
        self.cache = cache
        self.premises = premises or Premises()
        self.clock = clock or SystemClock()
        self.ids = IdSource()

    @asynccontextmanager
    async def reading(self, *, operation: str, principal: Principal, trace: Trace) -> AsyncIterator[Frame]:
        """A frame that only reads; what it is told to record goes nowhere."""
        async with self.database.reading() as connection:
            yield Frame(
                connection,
                principal=principal,
                trace=trace,
                operation=operation,
                now=self.clock.now(),
                ids=self.ids,
                cache=self.cache,
                caching="read",
                premises=self.premises,
            )

    @asynccontextmanager
    async def writing(
        self,
        *,
        operation: str,
        principal: Principal,
        trace: Trace,
        reason: str = "",
        pinned: tuple[datetime, int] | None = None,
        plan_id: UUID | None = None,
        dry_run: bool = False,
    ) -> AsyncIterator[Frame]:
        """A frame that commits when its body ends without an error; a dry run always rolls back.

        `pinned` is the instant and the id seed of a plan, which make the same code give the same answer again.
        """
        now = pinned[0] if pinned else self.clock.now()
        ids = IdSource(pinned[1], int(now.timestamp() * 1000)) if pinned else self.ids
        async with self.database.writing() as connection:
            frame = Frame(
                connection,
                principal=principal,
                trace=trace,
                operation=operation,
                now=now,
                ids=ids,
                reason=reason,
                dry_run=dry_run,
                cache=self.cache,
                premises=self.premises,
            )
            if dry_run:
                await connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            yield frame
            await frame.close(plan_id=plan_id)
            if not dry_run:
                await frame.driver.commit()
