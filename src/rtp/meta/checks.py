"""The doctor's checks that need the database."""

from __future__ import annotations

from sqlalchemy import text

from rtp.cache import service as cache
from rtp.db.frame import Frame
from rtp.meta.schemas import Check
from rtp.migrations import schema

_JOB_AGE = text(
    """
    SELECT coalesce(extract(epoch FROM now() - min(coalesce(scheduled_at, started.at))), 0)::int AS age
    FROM procrastinate_jobs j
    LEFT JOIN LATERAL (
        SELECT min(e.at) AS at FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'deferred'
    ) started ON true
    WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
    """
)
_DEAD = text("SELECT count(*) AS dead FROM procrastinate_jobs WHERE status = 'failed'")
_PROTECTED = text(
    """
    SELECT name FROM unnest(ARRAY['audit', 'events', 'ledger']) AS name
    WHERE has_table_privilege(current_user, name, 'UPDATE, DELETE, TRUNCATE')
    """
)


async def all_checks(frame: Frame) -> list[Check]:
    """Every check, in the order an operator reads them."""
    migrations = await _migrations(frame)
    if migrations.state != "ok":
        return [migrations]  # the others may ask for tables that are not there yet
    return [
        migrations,
        await _append_only(frame),
        await _queue(frame),
        await _dead_letters(frame),
        await _cache(frame),
    ]


async def _migrations(frame: Frame) -> Check:
    state = await schema.state(frame.connection)
    if state.state == "current":
        return Check(name="migrations", state="ok", detail=f"at {state.current}")
    return Check(
        name="migrations", state="failed", detail=f"at {state.current}, wanted {state.wanted}", fix=state.fix
    )


async def _append_only(frame: Frame) -> Check:
    open_tables = [row.name for row in await frame.all(_PROTECTED)]
    if not open_tables:
        return Check(name="append-only", state="ok", detail="the application can only add to audit, events and ledger")
    return Check(
        name="append-only",
        state="failed",
        detail=f"audit is not protected: the application may change {', '.join(open_tables)}",
        fix="set RTP_DATABASE_OWNER_URL to the owning role and RTP_DATABASE_URL to rtp_app",
    )


async def _queue(frame: Frame) -> Check:
    row = await frame.first(_JOB_AGE)
    age = int(row.age) if row is not None else 0
    detail = f"the oldest waiting job is {age} s old"
    if age < 60:
        return Check(name="queue", state="ok", detail=detail)
    return Check(name="queue", state="warning" if age < 600 else "failed", detail=detail, fix="rtp status")


async def _dead_letters(frame: Frame) -> Check:
    row = await frame.first(_DEAD)
    dead = int(row.dead) if row is not None else 0
    if not dead:
        return Check(name="dead letters", state="ok", detail="none")
    return Check(name="dead letters", state="warning", detail=f"{dead} jobs gave up", fix="rtp logs worker")


async def _cache(frame: Frame) -> Check:
    state = await cache.state(frame)
    if state == "away":
        detail = "it does not answer; everything is read from the database, which is slower"
        return Check(name="cache", state="warning", detail=detail, fix="rtp status")
    detail = "it answers" if state == "ok" else "none is used: RTP_REDIS_URL is not set"
    return Check(name="cache", state="ok", detail=detail)
