"""Every query on jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Text, cast, func, select, text

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.jobs.model import job_events, jobs
from rtp.jobs.schemas import Job, JobEvent, JobState
from rtp.operations import Page

STATES: dict[str, JobState] = {
    "todo": "waiting",
    "doing": "running",
    "succeeded": "succeeded",
    "failed": "dead",
    "cancelled": "cancelled",
    "aborting": "running",
    "aborted": "cancelled",
}
"""procrastinate's statuses in our words."""

_STATUS = cast(jobs.c.status, Text)
_CREATED_AT = (
    select(func.min(job_events.c.at))
    .where(job_events.c.job_id == jobs.c.id, cast(job_events.c.type, Text) == "deferred")
    .scalar_subquery()
)
_CREATED = _CREATED_AT.label("created_at")
_COLUMNS = (jobs.c.id, jobs.c.queue_name, jobs.c.task_name, jobs.c.args, _STATUS.label("status"),
            jobs.c.scheduled_at, jobs.c.attempts, _CREATED)  # fmt: skip


def _to_job(row: Row[Any]) -> Job:
    return Job(
        id=f"job_{row.id}",
        name=row.task_name,
        queue=row.queue_name,
        state=STATES[row.status],
        attempts=row.attempts,
        args={key: value for key, value in row.args.items() if key != "_trace"},
        scheduled_at=row.scheduled_at,
        created_at=row.created_at,
    )


async def find(frame: Frame, job_id: int, *, lock: bool = False) -> Job | None:
    """The job with this number."""
    query = select(*_COLUMNS).where(jobs.c.id == job_id)
    row = await frame.first(query.with_for_update(of=jobs) if lock else query)
    return None if row is None else _to_job(row)


async def events_of(frame: Frame, job_id: int) -> list[JobEvent]:
    """The steps in the life of a job."""
    query = select(cast(job_events.c.type, Text).label("type"), job_events.c.at)
    rows = await frame.all(query.where(job_events.c.job_id == job_id).order_by(job_events.c.id))
    return [JobEvent(type=row.type, at=row.at) for row in rows]


async def page(frame: Frame, page: PageRequest, *, state: JobState | None, queue: str) -> Page[Job]:
    """One page of jobs."""
    query = select(*_COLUMNS)
    if state is not None:
        wanted = [ours for ours, named in STATES.items() if named == state]
        query = query.where(
            text("status = ANY (CAST(:wanted AS procrastinate_job_status[]))").bindparams(wanted=wanted)
        )
    if queue:
        query = query.where(jobs.c.queue_name == queue)
    return await page_of(
        frame,
        page,
        query,
        key=jobs.c.id,
        sorts={"id": jobs.c.id},
        default="-id",
        time=_CREATED_AT,
        build=_to_job,
    )


async def requeue(frame: Frame, job_id: int) -> None:
    """Put a dead job back into its queue, now."""
    await frame.execute(text("SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)"), {"id": job_id})


_DEAD_ABOUT = text(
    """
    SELECT id FROM procrastinate_jobs WHERE status = 'failed' AND args ->> 'payment' = :payment
    ORDER BY id DESC LIMIT 1
    """
)


async def dead_about(frame: Frame, payment: str) -> int | None:
    """The newest job about a payment that gave up."""
    row = await frame.first(_DEAD_ABOUT, {"payment": payment})
    return None if row is None else int(row.id)


_DEAD_WITH = text(
    """
    SELECT id FROM procrastinate_jobs WHERE status = 'failed' AND task_name = :name AND args ->> :argument = :value
    ORDER BY id DESC LIMIT 1
    """
)


async def dead_with(frame: Frame, name: str, argument: str, value: str) -> int | None:
    """The newest job of a kind, with this value of an argument, that gave up."""
    row = await frame.first(_DEAD_WITH, {"name": name, "argument": argument, "value": value})
    return None if row is None else int(row.id)


_HASTEN = text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE lock = :lock AND status = 'todo'")
_HELD = text("SELECT 1 FROM procrastinate_jobs WHERE lock = :lock AND status IN ('todo', 'doing') LIMIT 1")


async def hasten(frame: Frame, lock: str) -> bool:
    """Take the waiting time from the jobs of a lock; whether there is one, or one that runs."""
    await frame.execute(_HASTEN, {"lock": lock})
    return await frame.first(_HELD, {"lock": lock}) is not None


_UNDER_WAY = text(
    """
    SELECT DISTINCT args ->> :argument AS value FROM procrastinate_jobs
    WHERE task_name = :name AND status IN ('todo', 'doing') AND args ->> :argument = ANY (:values)
    """
)


async def under_way(frame: Frame, name: str, argument: str, values: Sequence[str]) -> set[str]:
    """Those of the values of an argument that a waiting or running job of this kind has."""
    rows = await frame.all(_UNDER_WAY, {"name": name, "argument": argument, "values": list(values)})
    return {str(row.value) for row in rows}


_WITHDRAW = text("DELETE FROM procrastinate_jobs WHERE lock = :lock AND status = 'todo' AND task_name = ANY (:names)")


async def withdraw(frame: Frame, lock: str, names: Sequence[str]) -> None:
    """Delete the jobs of some kinds that wait under a lock."""
    await frame.execute(_WITHDRAW, {"lock": lock, "names": list(names)})


_HASTEN_RETRIES = text(
    """
    UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE id IN (
        SELECT j.id FROM procrastinate_jobs j
        WHERE j.queue_name = :queue AND j.status = 'todo' AND j.scheduled_at > now()
            AND EXISTS (SELECT 1 FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'deferred_for_retry')
        FOR UPDATE OF j SKIP LOCKED
    ) RETURNING id
    """
)


async def hasten_retries(frame: Frame, queue: str) -> int:
    """Take the waiting time from the jobs of a queue that ran before; how many there were."""
    return len(await frame.all(_HASTEN_RETRIES, {"queue": queue}))


_GIVE_BACK = text("UPDATE procrastinate_jobs SET attempts = attempts - 1 WHERE id = :id AND status = 'doing'")


async def give_attempt_back(frame: Frame, job_id: int) -> None:
    """Take one from the attempts of a running job; the queue adds it again when the job ends."""
    await frame.execute(_GIVE_BACK, {"id": job_id})


async def delete_finished(frame: Frame, state: JobState, hours: int, limit: int | None = None) -> int:
    """Delete jobs of a state that ended more than so many hours ago, or some of them; how many."""
    wanted = [ours for ours, named in STATES.items() if named == state]
    query = text(
        """
        WITH gone AS (
            DELETE FROM procrastinate_jobs WHERE id IN (
                SELECT j.id FROM procrastinate_jobs j
                WHERE j.status = ANY (CAST(:wanted AS procrastinate_job_status[]))
                    AND (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id)
                        < now() - make_interval(hours => :hours)
                    AND NOT EXISTS (SELECT 1 FROM procrastinate_periodic_defers d WHERE d.job_id = j.id)
                ORDER BY j.id LIMIT CAST(:limit AS bigint)
            )
            RETURNING 1
        )
        SELECT count(*) FROM gone
        """
    )
    row = await frame.first(query, {"wanted": wanted, "hours": hours, "limit": limit})
    return int(row[0]) if row is not None else 0


_OLDEST = text(
    """
    SELECT coalesce(max(extract(epoch FROM now() - coalesce(j.scheduled_at, started.at))), 0)::float AS seconds
    FROM procrastinate_jobs j
    LEFT JOIN LATERAL (
        SELECT min(e.at) AS at FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'deferred'
    ) started ON true
    WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
    """
)


async def oldest_waiting_seconds(frame: Frame) -> float:
    """How long the oldest job that could run has been waiting; 0 when none does."""
    row = await frame.first(_OLDEST)
    return float(row.seconds) if row is not None else 0.0


_HEARTBEAT = text(
    """
    SELECT extract(epoch FROM now() - max(last_heartbeat) FILTER (WHERE own))::float AS own,
        extract(epoch FROM now() - max(last_heartbeat) FILTER (WHERE NOT own))::float AS others
    FROM (SELECT last_heartbeat, id = ANY (CAST(:workers AS bigint[])) AS own FROM procrastinate_workers) AS w
    """
)


async def heartbeat_ages(frame: Frame, workers: Sequence[int]) -> tuple[float | None, float | None]:
    """How many seconds old the newest sign of life of these workers is, and that of all others; None of none."""
    row = await frame.first(_HEARTBEAT, {"workers": list(workers)})
    return (None, None) if row is None else (row.own, row.others)


_RESCUE = text(
    """
    WITH stalled AS (
        SELECT j.id FROM procrastinate_jobs j
        LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
        WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => :seconds))
        FOR UPDATE OF j SKIP LOCKED
    )
    SELECT id, procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM stalled
    """
)


async def rescue_stalled(frame: Frame, seconds: float) -> list[int]:
    """Put back the running jobs of workers without a heartbeat for so many seconds."""
    return [int(row[0]) for row in await frame.all(_RESCUE, {"seconds": seconds})]
