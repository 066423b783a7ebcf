"""What crosses the API about jobs, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from rtp.operations import listing, read, write

JobState = Literal["waiting", "running", "succeeded", "dead", "cancelled"]


class JobEvent(Struct, kw_only=True):
    """A step in the life of a job."""

    type: str
    at: datetime


class Job(Struct, kw_only=True):
    """A job: `dead` jobs gave up after their last retry and wait for an operator."""

    id: str
    name: str
    queue: str
    state: JobState
    attempts: int
    args: Any
    scheduled_at: datetime | None
    created_at: datetime | None


class JobDetail(Job, kw_only=True):
    """A job with its history."""

    events: list[JobEvent]


class PurgeJobs(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which finished jobs to delete: those of `state` that ended more than `older_than_hours` ago."""

    state: Literal["succeeded", "dead", "cancelled"] = "succeeded"
    older_than_hours: Annotated[int, Meta(ge=0, le=100_000)] = 24


class Purged(Struct, kw_only=True):
    """How many jobs were deleted."""

    deleted: int


LIST = listing("jobs.list", "/jobs", Job)
SHOW = read("jobs.show", "/jobs/{job}", JobDetail)
RETRY = write("jobs.retry", "POST", "/jobs/{job}/retry", Job)
PURGE = write("jobs.purge", "POST", "/jobs/purge", Purged, body=PurgeJobs)
