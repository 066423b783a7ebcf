"""The job that compares the records by itself, once a day; it changes nothing."""

from __future__ import annotations

from rtp.jobs.spec import Backoff, Context, JobSpec
from rtp.payments.ports import PaymentProvider
from rtp.reconciliation import service
from rtp.reconciliation.comparing import Comparison


async def look(context: Context) -> None:
    """Compare the last week, or what is due of before it, and keep what was found."""
    async with context.reading() as frame:
        now, since = frame.now, await service.reach(frame)
    provider: PaymentProvider = context.services["provider"]
    comparison = Comparison(provider, provider.name, context.reading, since=since, now=now)
    found = await comparison.look()
    async with context.writing() as frame:
        await service.keep_look(frame, found)


JOBS = (
    JobSpec("reconciliation.look", look, queue="upkeep", backoff=Backoff(delay=60.0, retries=5), cron="17 4 * * *"),
)
