"""The job that ends the history of requests: by whole partitions, as its rows can only be added to."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from rtp.db import partitions
from rtp.db.partitions import Dropped
from rtp.jobs.spec import Context, JobSpec
from rtp.settings import Settings

TABLE = "requests"
log = structlog.get_logger("rtp.history")


async def sweep(context: Context) -> None:
    """Drop the quarters whose last request is older than the setting says."""
    async with context.reading() as frame:
        before = frame.now - timedelta(days=context.settings.keep_requests_days)
    dropped = await asyncio.to_thread(_drop, context.settings, before)
    if dropped:
        async with context.writing() as frame:
            frame.summary = {"dropped": {one.name: one.bytes for one in dropped}, "before": before.isoformat()}
        log.info("history_dropped", partitions=[one.name for one in dropped])


def _drop(settings: Settings, before: datetime) -> list[Dropped]:
    with partitions.owning(settings.database_owner_url or settings.database_url) as connection:
        if not partitions.may(connection, TABLE):
            log.warning("history_kept", why="RTP_DATABASE_OWNER_URL is not set")
            return []
        connection.rollback()
        return partitions.drop_before(connection, TABLE, before)


JOBS = (JobSpec("telemetry.sweep", sweep, queue="upkeep", cron="13 3 * * *"),)
