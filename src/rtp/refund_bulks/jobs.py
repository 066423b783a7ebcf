"""The job that clears away files that were never read to their end."""

from __future__ import annotations

from datetime import timedelta

from rtp.jobs.spec import Backoff, Context, JobSpec
from rtp.refund_bulks import repository

KEPT = timedelta(days=1)


async def sweep(context: Context) -> None:
    """Delete drafts of more than a day; a plan, and what came of it, is kept."""
    async with context.writing() as frame:
        if deleted := await repository.delete_drafts(frame, frame.now - KEPT):
            frame.summary = {"deleted": deleted}


JOBS = (JobSpec("refund_bulks.sweep", sweep, queue="upkeep", backoff=Backoff(retries=0), cron="29 * * * *"),)
