"""The doctor's checks that need the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from rtp.breakers import service as breakers
from rtp.cache import service as cache
from rtp.db.frame import Frame
from rtp.disputes import service as disputes
from rtp.events import service as events
from rtp.invariants import service as invariants
from rtp.jobs import service as jobs
from rtp.kit.clock import to_text
from rtp.kit.text import counted
from rtp.ledger import service as ledger
from rtp.meta.schemas import Check
from rtp.migrations import service as migrations
from rtp.refunds import service as refunds
from rtp.sagas import service as sagas
from rtp.subscriptions import service as subscriptions
from rtp.webhooks import troubles as webhooks

SILENT_SECONDS = 15
"""A worker without a sign of life for so long is dead or stuck."""

LATE_SECONDS = 30
"""An event that a consumer has not had for so long is late."""

_POLICY_FIX = "rtp refunds policy apply examples/refund-policy.yaml"
_DEAD = text("SELECT count(*) AS dead FROM procrastinate_jobs WHERE status = 'failed'")
_PROTECTED = text(
    """
    SELECT name FROM unnest(ARRAY['audit', 'events', 'ledger']) AS name
    WHERE has_table_privilege(current_user, name, 'UPDATE, DELETE, TRUNCATE')
    """
)


async def all_checks(frame: Frame, workers: Sequence[int] = ()) -> list[Check]:
    """Every check, in the order an operator reads them; the workers are those of the instance that asks."""
    schema = await _migrations(frame)
    if schema.state != "ok":
        return [schema]  # the others may ask for tables that are not there yet
    return [
        schema,
        await _append_only(frame),
        await _worker(frame, workers),
        await _queue(frame),
        await _dead_letters(frame),
        await _event_lag(frame),
        await _ledger(frame),
        await _money(frame),
        await _refund_policy(frame),
        await _renewals(frame),
        await _sagas(frame),
        await _disputes(frame),
        await _breakers(frame),
        await _webhook_endpoints(frame),
        await _cache(frame),
    ]


async def _migrations(frame: Frame) -> Check:
    state = await migrations.state(frame.connection)
    if state.state == "current":
        return Check(name="migrations", state="ok", detail=f"at {state.current}")
    return Check(name="migrations", state="failed", detail=f"at {state.current}, wanted {state.wanted}", fix=state.fix)


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


async def hears(frame: Frame, workers: Sequence[int]) -> bool:
    """Whether one of these workers gave a sign of life a moment ago."""
    age, _ = await jobs.heartbeat_ages(frame, workers)
    return age is not None and age < SILENT_SECONDS


async def _worker(frame: Frame, workers: Sequence[int]) -> Check:
    age, others = await jobs.heartbeat_ages(frame, workers)
    if age is not None and age < SILENT_SECONDS:
        return Check(name="worker", state="ok", detail=f"its last sign of life is {age:.0f} s old")
    detail = "none of this instance is registered" if age is None else f"its last sign of life is {age:.0f} s old"
    if others is not None and others < SILENT_SECONDS:
        detail += "; another instance's works on the same database"
    return Check(name="worker", state="failed", detail=detail, fix="rtp status")


async def _queue(frame: Frame) -> Check:
    age = await jobs.oldest_waiting_seconds(frame)
    detail = f"the oldest waiting job is {age:.0f} s old"
    if age < 60:
        return Check(name="queue", state="ok", detail=detail)
    return Check(name="queue", state="warning" if age < 600 else "failed", detail=detail, fix="rtp status")


async def _dead_letters(frame: Frame) -> Check:
    row = await frame.first(_DEAD)
    dead = int(row.dead) if row is not None else 0
    if not dead:
        return Check(name="dead letters", state="ok", detail="none")
    detail = f"{counted(dead, 'job')} gave up"
    return Check(name="dead letters", state="warning", detail=detail, fix="rtp jobs list --state dead")


async def _cache(frame: Frame) -> Check:
    state = await cache.state(frame)
    if state == "away":
        detail = "it does not answer; everything is read from the database, which is slower"
        return Check(name="cache", state="warning", detail=detail, fix="rtp status")
    detail = "it answers" if state == "ok" else "none is used: RTP_REDIS_URL is not set"
    return Check(name="cache", state="ok", detail=detail)


async def _event_lag(frame: Frame) -> Check:
    lags = await events.lag(frame)
    consumer, seconds = max(lags.items(), key=lambda item: item[1], default=("no consumer", 0.0))
    detail = f"{consumer} is {seconds:.0f} s behind"
    if seconds < LATE_SECONDS:
        return Check(name="outbox", state="ok", detail=detail)
    return Check(name="outbox", state="warning" if seconds < 10 * LATE_SECONDS else "failed", detail=detail,
                 fix="rtp logs worker")  # fmt: skip


async def _ledger(frame: Frame) -> Check:
    reach = await invariants.reach(frame)
    verdict = await ledger.check(frame, reach.since if reach else None)
    entries = sum(balance.entries for balance in verdict.balances)
    if verdict.state == "held":
        held = f"{len(verdict.rules)} rules hold over {entries} entries{f'; {reach.words}' if reach else ''}"
        return Check(name="ledger", state="ok", detail=held)
    broken = [line.rule for line in verdict.rules if line.state == "broken"]
    return Check(name="ledger", state="failed", detail=f"broken: {', '.join(broken)}", fix="rtp ledger check")


async def _money(frame: Frame) -> Check:
    """What the job found when it last looked; to look now is `rtp doctor money`."""
    found = await invariants.last(frame)
    if found.at is None:
        return Check(name="money", state="ok", detail="not looked at yet: rtp doctor money does")
    age = frame.now - found.at
    if found.broken:
        detail = f"broken: {', '.join(found.broken)}"
        return Check(name="money", state="failed", detail=detail, fix="rtp doctor money")
    if age > invariants.LATEST:
        detail = f"last looked at {age.total_seconds() / 60:.0f} min ago"
        return Check(name="money", state="warning", detail=detail, fix="rtp logs worker")
    if found.unjudged:
        detail = f"could not be judged: {', '.join(found.unjudged)}"
        return Check(name="money", state="warning", detail=detail, fix="rtp doctor money")
    return Check(name="money", state="ok", detail="every rule held when it was last looked at")


async def _refund_policy(frame: Frame) -> Check:
    version = await refunds.policy_version(frame)
    detail = f"version {version} holds" if version else "none is applied: who may issue refunds may without limit"
    return Check(name="refund policy", state="ok", detail=detail, fix="" if version else _POLICY_FIX)


async def _renewals(frame: Frame) -> Check:
    overdue = await subscriptions.overdue_count(frame)
    if not overdue:
        return Check(name="renewals", state="ok", detail="no subscription waits for its next step")
    detail = f"{overdue} waiting for their next step for more than 10 minutes"
    return Check(name="renewals", state="warning", detail=detail, fix="rtp logs worker")


async def _sagas(frame: Frame) -> Check:
    stuck, late = await sagas.waiting(frame)
    if not stuck and not late:
        return Check(name="sagas", state="ok", detail="none is stuck, and none waits for its turn")
    detail = f"{stuck} stuck, {late} late for their turn by more than 10 minutes"
    return Check(
        name="sagas", state="failed" if stuck else "warning", detail=detail, fix="rtp sagas list --state stuck"
    )


async def _disputes(frame: Frame) -> Check:
    stalled = await disputes.stalled(frame)
    if not stalled:
        return Check(name="disputes", state="ok", detail="no answer gave up on its way")
    first, command = stalled[0]
    detail = f"{counted(len(stalled), 'answer')} gave up on the way; {first.id} is due by {to_text(first.due_by)}"
    return Check(name="disputes", state="failed", detail=detail, fix=command)


async def _breakers(frame: Frame) -> Check:
    found = await breakers.every(frame)
    broken = [one for one in found if one.circuit == "open"]
    if not broken:
        named = ", ".join(sorted({one.name for one in found}))
        waits = "".join(f"; {one.process} tries it with its next call" for one in found if one.circuit == "half_open")
        return Check(
            name="breakers", state="ok", detail=f"none is open: {named}{waits}" if named else "no process has one"
        )
    words = "; ".join(f"{one.name} is open in {one.process}" for one in broken)
    return Check(name="breakers", state="warning", detail=words, fix=f"rtp breakers show {broken[0].name}")


async def _webhook_endpoints(frame: Frame) -> Check:
    found = await webhooks.found(frame)
    if not found:
        enabled = await webhooks.enabled_count(frame)
        detail = "there is none" if enabled is None else f"{enabled} enabled, none fails"
        return Check(name="webhook endpoints", state="ok", detail=detail)
    detail = f"{len(found)} in trouble: {found[0].detail}" if len(found) > 1 else found[0].detail
    return Check(name="webhook endpoints", state="warning", detail=detail, fix=found[0].mend)
