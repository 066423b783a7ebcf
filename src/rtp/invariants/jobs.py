"""The job that looks at the invariants by itself."""

from __future__ import annotations

from rtp.invariants import service
from rtp.jobs.spec import Backoff, Context, JobSpec


async def check(context: Context) -> None:
    """Look at every rule, and keep what was found; once a day, and while it is broken, at all of the ledger."""
    async with context.reading() as frame:
        now, reach = frame.now, await service.reach(frame)
    record = await service.ask(context.services["provider"], now)
    async with context.reading() as frame:
        report = await service.examine(frame, record, reach)
    async with context.writing() as frame:
        await service.keep(frame, report, whole=reach is None)


JOBS = (JobSpec("invariants.check", check, queue="upkeep", backoff=Backoff(retries=0), cron="*/5 * * * *"),)
