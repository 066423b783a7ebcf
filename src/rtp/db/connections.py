"""The connections of a process, kept as they are from frame to frame: checking one out of SQLAlchemy's pool and giving
it back costs a request as much as two statements."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Literal

from psycopg.pq import TransactionStatus
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Kind = Literal["autocommit", "transaction"]

WAIT_SECONDS = 5.0
"""How long a frame waits for a connection while all are in use."""


class Connections:
    """At most `size` open connections, each in use or idle; who comes first is served first."""

    def __init__(self, engine: AsyncEngine, size: int) -> None:
        self._engines = {"transaction": engine, "autocommit": engine.execution_options(isolation_level="AUTOCOMMIT")}
        self._idle: dict[Kind, list[AsyncConnection]] = {"transaction": [], "autocommit": []}
        self._places = asyncio.Semaphore(size)
        self._free = size
        self._ending: set[asyncio.Task[None]] = set()

    async def take(self, kind: Kind) -> AsyncConnection:
        """A connection for one frame, which gives it back.

        Raises: sqlalchemy.exc.TimeoutError when all stay in use, and what connecting fails with.
        """
        await self._wait()
        try:
            return self._idle[kind].pop() if self._idle[kind] else await self._open(kind)
        except BaseException:
            self._places.release()
            raise

    async def give_back(self, kind: Kind, connection: AsyncConnection, *, failed: bool) -> None:
        """Keep a connection on which nothing is under way; close any other, which rolls back."""
        keep = False
        try:
            keep = not failed and await _settled(connection)
        finally:
            if keep:
                self._idle[kind].append(connection)
                self._places.release()
            else:  # to its end, also where the frame was cut off: whoever waits comes to a place that is free
                ending = asyncio.create_task(self._end(connection))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
                await asyncio.shield(ending)

    async def close(self) -> None:
        """Close what is idle."""
        for idle in self._idle.values():
            while idle:
                await self._close(idle.pop())

    async def _end(self, connection: AsyncConnection) -> None:
        try:
            await self._close(connection)
        finally:
            self._places.release()

    async def _wait(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise NoneFree("all connections are in use") from None

    async def _open(self, kind: Kind) -> AsyncConnection:
        """One more; where all are open, an idle one of the other kind makes room."""
        if not self._free:
            other = self._idle["autocommit" if kind == "transaction" else "transaction"]
            await self._close(other.pop())
        self._free -= 1
        try:
            return await self._engines[kind].connect()
        except BaseException:
            self._free += 1
            raise

    async def _close(self, connection: AsyncConnection) -> None:
        """Close one; if it was lost, so were those that lay idle beside it."""
        lost = connection.invalidated
        try:
            with suppress(SQLAlchemyError):  # that it cannot be rolled back any more is why it is closed
                await connection.close()
        finally:
            self._free += 1
        if lost:
            await self.close()


async def _settled(connection: AsyncConnection) -> bool:
    """Whether nothing is under way on it; what was begun and not committed is rolled back."""
    if connection.in_transaction():
        try:
            await connection.rollback()
        except SQLAlchemyError:
            return False
    if connection.sync_connection is None or connection.invalidated:
        return False
    driver: Any = connection.sync_connection.connection.driver_connection
    return bool(driver.pgconn.transaction_status == TransactionStatus.IDLE)
