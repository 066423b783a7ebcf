"""The job that looks at the invariants by itself."""

from __future__ import annotations

from rtp.invariants import service
from rtp.jobs.spec import Backoff, Context, JobSpec


async def check(context: Context) -> None:
    """Look at every rule, and keep what was found."""
    async with context.reading() as frame:
        now = frame.now
    record = await service.ask(context.services["provider"], now)
    async with context.reading() as frame:
        report = await service.examine(frame, record)
    async with context.writing() as frame:
        await service.keep(frame, report)


JOBS = (JobSpec("invariants.check", check, queue="upkeep", backoff=Backoff(retries=0), cron="*/5 * * * *"),)
