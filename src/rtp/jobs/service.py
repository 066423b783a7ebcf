"""Use cases of jobs."""

from __future__ import annotations

from collections.abc import Sequence

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.jobs import repository
from rtp.jobs.errors import JobNotDead, JobNotFound
from rtp.jobs.schemas import Job, JobDetail, JobState, Purged, PurgeJobs
from rtp.operations import Page


async def show(frame: Frame, key: str) -> JobDetail:
    """A job with its history.

    Raises: JobNotFound.
    """
    job = await _find(frame, key)
    events = await repository.events_of(frame, _number(key))
    return JobDetail(**{name: getattr(job, name) for name in job.__struct_fields__}, events=events)


async def page(frame: Frame, page: PageRequest, *, state: JobState | None = None, queue: str = "") -> Page[Job]:
    """One page of jobs."""
    return await repository.page(frame, page, state=state, queue=queue)


async def oldest_waiting_seconds(frame: Frame) -> float:
    """How long the oldest job that could run has been waiting; 0 when none does."""
    return await repository.oldest_waiting_seconds(frame)


async def heartbeat_ages(frame: Frame, workers: Sequence[int]) -> tuple[float | None, float | None]:
    """How many seconds old the newest sign of life of these workers is, and that of all others; None of none."""
    return await repository.heartbeat_ages(frame, workers)


async def dead_about(frame: Frame, payment: str) -> str:
    """The id of the newest job about a payment that gave up; empty when there is none."""
    found = await repository.dead_about(frame, payment)
    return "" if found is None else f"job_{found}"


async def retry(frame: Frame, key: str) -> Job:
    """Put a dead job back into its queue; its effects stay once-only.

    Raises: JobNotFound, JobNotDead.
    """
    before = await _find(frame, key, lock=True)
    if before.state != "dead":
        raise JobNotDead(key=key, state=before.state)
    await repository.requeue(frame, _number(key))
    after = await _find(frame, key)
    frame.record("job.retried", after.id, after.attempts, before=_seen(before), after=_seen(after))
    return after


async def revive(frame: Frame, name: str, argument: str, value: str) -> bool:
    """Put the newest job of a kind that gave up, with this value of an argument, back; whether there was one.

    Raises: JobNotDead when it was put back in this moment.
    """
    found = await repository.dead_with(frame, name, argument, value)
    if found is not None:
        await retry(frame, f"job_{found}")
    return found is not None


async def hasten(frame: Frame, lock: str) -> bool:
    """Let the jobs that wait under a lock run now; whether one waits there, or is under way."""
    return await repository.hasten(frame, lock)


async def under_way(frame: Frame, name: str, argument: str, values: Sequence[str]) -> set[str]:
    """Those of the values of an argument that a waiting or running job of this kind has."""
    return await repository.under_way(frame, name, argument, values)


async def withdraw(frame: Frame, lock: str, *names: str) -> None:
    """Forget the jobs of these kinds that wait under a lock: what is queued in their place would wait behind them."""
    await repository.withdraw(frame, lock, names)


async def hasten_retries(frame: Frame, queue: str) -> int:
    """Let the jobs of a queue that wait for another attempt run now; how many. Those planned for later still wait."""
    return await repository.hasten_retries(frame, queue)


async def give_attempt_back(frame: Frame, number: int) -> None:
    """Uncount the attempt that a running job is about to end, because its peer was not asked in it."""
    await repository.give_attempt_back(frame, number)


async def purge(frame: Frame, request: PurgeJobs) -> Purged:
    """Delete finished jobs."""
    deleted = await repository.delete_finished(frame, request.state, request.older_than_hours)
    frame.summary = {"state": request.state, "older_than_hours": request.older_than_hours, "deleted": deleted}
    return Purged(deleted=deleted)


async def _find(frame: Frame, key: str, *, lock: bool = False) -> Job:
    job = await repository.find(frame, _number(key), lock=lock)
    if job is None:
        raise JobNotFound(key=key)
    return job


def _number(key: str) -> int:
    digits = key.removeprefix("job_")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise JobNotFound(key=key)
    return int(digits)


def _seen(job: Job) -> dict[str, object]:
    """What is compared and kept of a job: not its times, which a plan cannot foresee."""
    return {"id": job.id, "name": job.name, "state": job.state}
