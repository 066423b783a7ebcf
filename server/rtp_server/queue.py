"""The job queue's connection: what a worker says of its jobs is repeated until the database has it.

procrastinate says once that a job ended, or is to run again. When the database goes away in that moment, the job would
stay running under a worker that lives, and nobody would ever rescue it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException

log = structlog.get_logger("rtp.worker")
PAUSE_SECONDS = 0.5


class Connector(procrastinate.PsycopgConnector):
    """A connector whose writes outlast a database that is away for a while."""

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """Run a statement that answers nothing, until it was surely run.

        When an answer was lost, the repetition of what had been done is refused by the database, and that is success.
        """
        lost = False
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
