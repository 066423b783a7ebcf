"""The jobs about jobs: rescue of what dead workers held, and clearing away what succeeded."""

from __future__ import annotations

import structlog

from rtp.jobs import repository
from rtp.jobs.policy import Backoff
from rtp.jobs.spec import Context, JobSpec

log = structlog.get_logger("rtp.jobs")
HEARTBEAT_SECONDS = 2.0
CHUNK = 5_000
"""Jobs that one transaction deletes: a long one holds up the relay."""
STALLED_SECONDS = 10.0
"""A worker without a heartbeat for so long is taken for dead; its jobs run again, their effects do not."""


async def rescue(context: Context) -> None:
    """Put back the jobs of dead workers."""
    async with context.writing() as frame:
        rescued = await repository.rescue_stalled(frame, STALLED_SECONDS)
        if rescued:
            frame.summary = {"rescued": [f"job_{number}" for number in rescued]}
            log.warning("rescued the jobs of a dead worker", jobs=len(rescued))


async def sweep(context: Context) -> None:
    """Delete, in chunks, jobs that succeeded more than a day ago."""
    left = CHUNK
    while left == CHUNK:
        async with context.writing() as frame:
            if left := await repository.delete_finished(frame, "succeeded", 24, CHUNK):
                frame.summary = {"deleted": left}


ONCE = Backoff(retries=0)
JOBS = (
    JobSpec("jobs.rescue", rescue, queue="upkeep", backoff=ONCE, cron="* * * * * */5"),
    JobSpec("jobs.sweep", sweep, queue="upkeep", backoff=ONCE, cron="17 * * * *"),
)
