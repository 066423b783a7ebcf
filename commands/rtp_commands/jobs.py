"""`rtp jobs`: work that runs later, and what failed of it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import typer

from rtp.jobs import schemas
from rtp.jobs.schemas import Job, JobDetail, JobState, Purged, PurgeJobs
from rtp_commands.arguments import refusing
from rtp_commands.call import Call, Listing, Severity, listing, read, write

app = typer.Typer()


@refusing
def _job(text: str) -> str:
    if not re.fullmatch(r"(job_)?[0-9]{1,18}", text):
        raise ValueError(f"{text!r} is not a job id (job_ and a number)")
    return text


JobId = Annotated[str, typer.Argument(metavar="JOB", parser=_job, help="Id of the job (job_…).")]


@app.command("list")
@listing(schemas.LIST, columns=("id", "name", "queue", "state", "attempts", "created_at"))
def list_(
    call: Call,
    state: Annotated[JobState | None, typer.Option("--state", metavar="STATE", help="Only this state.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", metavar="QUEUE", help="Only this queue.")] = None,
) -> Listing[Job]:
    """List jobs, newest first; `--state dead` are those that gave up.

    Examples:
        rtp jobs list --state dead
        rtp jobs list --queue provider --limit 10
    """
    return call.list(schemas.LIST, state=state, queue=queue)


@app.command()
@read(schemas.SHOW)
def show(call: Call, job: JobId) -> JobDetail:
    """Show one job and its history.

    Examples:
        rtp jobs show job_42
        rtp jobs show job_42 -o json
    """
    return call.read(schemas.SHOW, job=job)


@app.command()
@write(schemas.RETRY, side_effects="the job runs again; its effects stay once-only")
def retry(call: Call, job: JobId) -> Job:
    """Put a dead job back into its queue.

    Examples:
        rtp jobs retry job_42
        rtp jobs retry job_42 --reason "the provider is back"
    """
    return call.write(schemas.RETRY, job=job)


@app.command()
@write(schemas.PURGE, severity=Severity.MODERATE, side_effects="deletes the record of finished jobs")
def purge(
    call: Call,
    state: Annotated[
        Literal["succeeded", "dead", "cancelled"],
        typer.Option("--state", metavar="STATE", help="succeeded, dead or cancelled."),
    ] = "succeeded",
    older_than: Annotated[int, typer.Option("--older-than", metavar="HOURS", min=0, help="Ended so long ago.")] = 24,
) -> Purged:
    """Delete finished jobs.

    Examples:
        rtp jobs purge --older-than 48
        rtp jobs purge --state dead --older-than 720 --dry-run
    """
    return call.write(schemas.PURGE, PurgeJobs(state=state, older_than_hours=older_than))
