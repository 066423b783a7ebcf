"""Routes of jobs."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.jobs import schemas, service
from rtp.jobs.schemas import Job, JobDetail, JobState, Purged, PurgeJobs
from rtp.operations import Page
from rtp_server.operation import operation

Queue = Annotated[str, QueryParameter(max_length=100, description="Name of a queue.")]


@operation(schemas.LIST)
async def list_jobs(frame: Frame, page: PageRequest, state: JobState | None = None, queue: Queue = "") -> Page[Job]:
    """List jobs, newest first."""
    return await service.page(frame, page, state=state, queue=queue)


@operation(schemas.SHOW)
async def show(frame: Frame, job: str) -> JobDetail:
    """Show a job and its history."""
    return await service.show(frame, job)


@operation(schemas.RETRY)
async def retry(frame: Frame, job: str) -> Job:
    """Put a dead job back into its queue."""
    return await service.retry(frame, job)


@operation(schemas.PURGE)
async def purge(frame: Frame, data: PurgeJobs) -> Purged:
    """Delete finished jobs."""
    return await service.purge(frame, data)


HANDLERS = (list_jobs, show, retry, purge)
