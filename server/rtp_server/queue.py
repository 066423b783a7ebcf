"""The job queue's connection: what a worker says of its jobs is repeated until the database has it.

procrastinate says once that a job ended, or is to run again. When the database goes away in that moment, the job would
stay running under a worker that lives, and nobody would ever rescue it.

And a worker that slept for a while was taken for dead: whoever started after it has deleted its row, and the first job
that it fetched would name a worker that is not there. It registers again instead of ending over that, at the latest
with its next sign of life; and what it was about to do for the schedule when it fell asleep, in a transaction that is
gone, it does once more.
"""

from __future__ import annotations

import asyncio
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate import sql
from procrastinate.exceptions import ConnectorException

from rtp.runtime.instance import Instance

log = structlog.get_logger("rtp.worker")
PAUSE_SECONDS = 0.5
DEFER_PERIODIC = sql.queries["defer_periodic_job"]
REGISTER_AGAIN = """
    INSERT INTO procrastinate_workers (id) OVERRIDING SYSTEM VALUE VALUES (%(worker_id)s)
    ON CONFLICT (id) DO UPDATE SET last_heartbeat = now()
"""
REGISTER, HEARTBEAT = sql.queries["register_worker"], sql.queries["update_heartbeat"]


class Connector(procrastinate.PsycopgConnector):
    """A connector whose writes outlast a database that is away for a while; it knows the numbers of its workers."""

    def __init__(self, *, instance: Instance, **options: Any) -> None:
        super().__init__(**options)
        self._instance = instance
        self._workers: list[int] = []

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> Any:
        """Run a statement that answers one row; for a worker that is not registered any more, after registering it.

        The deferring of a periodic job is repeated, as each slot has one row; the fetching of a job is not: with its
        answer the job would be lost, so the worker ends, and all that it held is rescued.
        """
        while True:
            try:
                found = await super().execute_query_one_async(query, **arguments)
                if query == REGISTER:
                    self._note(found["worker_id"])
                return found
            except ConnectorException as error:
                if isinstance(error.__cause__, psycopg.errors.ForeignKeyViolation) and "worker_id" in arguments:
                    log.warning("a worker that was taken for dead goes on", worker=arguments["worker_id"])
                    await self.execute_query_async(REGISTER_AGAIN, worker_id=arguments["worker_id"])
                elif isinstance(error.__cause__, psycopg.OperationalError) and query == DEFER_PERIODIC:
                    log.warning("the schedule waits for the database", error=str(error.__cause__))
                    await asyncio.sleep(PAUSE_SECONDS)
                else:
                    raise

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """Run a statement that answers nothing, until it was surely run.

        When an answer was lost, the repetition of what had been done is refused by the database, and that is success.
        """
        lost = False
        query = REGISTER_AGAIN if query == HEARTBEAT else query
        while True:
            try:
                await super().execute_query_async(query, **arguments)
                return
            except ConnectorException as error:
                if isinstance(error.__cause__, psycopg.errors.RaiseException) and lost:
                    return
                if not isinstance(error.__cause__, psycopg.OperationalError):
                    raise
                lost = True
                log.warning("the queue waits for the database", error=str(error.__cause__))
                await asyncio.sleep(PAUSE_SECONDS)

    def _note(self, worker: int) -> None:
        self._workers.append(worker)
        try:
            self._instance.note_workers(self._workers)
        except OSError as error:  # a full disk keeps no job from being done
            log.warning("doctor will not hear this worker", worker=worker, error=str(error))
