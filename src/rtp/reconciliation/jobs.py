"""The job that compares the records by itself, once a day; it changes nothing."""

from __future__ import annotations

from datetime import timedelta

from rtp.jobs.spec import Backoff, Context, JobSpec
from rtp.payments.ports import PaymentProvider
from rtp.reconciliation import service
from rtp.reconciliation.comparing import Comparison

SPAN = timedelta(days=7)


async def look(context: Context) -> None:
    """Compare the last week, and keep what was found."""
    async with context.reading() as frame:
        now = frame.now
    provider: PaymentProvider = context.services["provider"]
    comparison = Comparison(provider, provider.name, context.reading, since=now - SPAN, now=now)
    found = await comparison.look()
    async with context.writing() as frame:
        await service.keep_look(frame, found)


JOBS = (
    JobSpec("reconciliation.look", look, queue="upkeep", backoff=Backoff(delay=60.0, retries=5), cron="17 4 * * *"),
)
