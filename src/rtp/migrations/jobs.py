"""The job that makes partitions ahead: a platform that is not started for months would have no room for its rows."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from rtp.db import partitions
from rtp.jobs.spec import Context, JobSpec
from rtp.settings import Settings

log = structlog.get_logger("rtp.migrations")


async def ahead(context: Context) -> None:
    """Make the partitions of this quarter and the next ones that are not there yet."""
    async with context.reading() as frame:
        now = frame.now
    made = await asyncio.to_thread(_ensure, context.settings, now)
    if made:
        async with context.writing() as frame:
            frame.summary = {"made": made}


def _ensure(settings: Settings, now: datetime) -> list[str]:
    with partitions.owning(settings.database_owner_url or settings.database_url) as connection:
        if not all(partitions.may(connection, table) for table in partitions.PARTITIONED):
            log.warning("partitions_not_made", why="RTP_DATABASE_OWNER_URL is not set")
            return []
        made = partitions.ensure(connection, now)
        connection.commit()
        return made


JOBS = (JobSpec("partitions.ahead", ahead, queue="upkeep", cron="7 4 * * *"),)
