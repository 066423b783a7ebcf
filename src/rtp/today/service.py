"""The use case of the morning page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from time import perf_counter
from typing import Literal

from rtp.breakers import service as breakers
from rtp.cache import service as cache
from rtp.db.frame import Frame
from rtp.disputes import service as disputes
from rtp.events import service as events
from rtp.invariants import service as invariants
from rtp.invariants.schemas import LastReport
from rtp.jobs import service as jobs
from rtp.ledger import service as ledger
from rtp.reconciliation import service as reconciliation
from rtp.sagas import service as sagas
from rtp.subscriptions import service as subscriptions
from rtp.today import repository
from rtp.today.schemas import Attention, Dependency, FailedPayments, Today
from rtp.webhooks import troubles as webhooks

DISPUTES = 10
"""Disputes that the page names; `rtp disputes list` has them all."""


async def show(frame: Frame) -> Today:
    """Count everything now."""
    counts = await repository.counts(frame)
    failed = await repository.failed(frame)
    money = await invariants.last(frame)
    books, books_at = await _ledger(frame, money)
    lag = await events.lag(frame)
    stuck, late = await sagas.waiting(frame)
    breakers_open = sum(one.circuit == "open" for one in await breakers.every(frame))
    differing = await reconciliation.left_open(frame)
    objections, due = await disputes.unanswered(frame, DISPUTES)
    stalled = await disputes.stalled(frame)
    unearned = await invariants.paid_for_nothing(frame)
    urgent = [
        ("answers to disputes that gave up", len(stalled), stalled[0][1] if stalled else ""),
        ("disputes to answer", objections, "rtp disputes list --state needs_response --sort due_by"),
        ("the ledger does not hold", int(books == "broken"), "rtp ledger check"),
        ("rules of money that do not hold", len(money.broken), "rtp doctor money"),
        ("payments that paid for nothing and did not go back", unearned.count, unearned.fix),
        ("differences with the provider", differing[1] if differing else 0, "rtp reconcile run --dry-run"),
        (
            "differences that were set aside",
            await reconciliation.open_asides(frame),
            "rtp reconcile aside list --state open",
        ),
        ("sagas that are stuck or late", stuck + late, "rtp sagas list --state stuck"),
        ("circuit breakers that are open", breakers_open, "rtp breakers list --circuit open"),
        *webhooks.attention(await webhooks.found(frame)),
    ]
    return Today(
        at=frame.now,
        taken=await repository.taken(frame),
        failed_payments=failed,
        active_subscriptions=await subscriptions.active_count(frame),
        trials_ending_today=counts.trials_ending,
        renewals_due_today=counts.due,
        new_members_today=counts.members,
        jobs_waiting=counts.waiting,
        oldest_job_seconds=await jobs.oldest_waiting_seconds(frame),
        event_lag_seconds=max(lag.values(), default=0.0),
        ledger=books,
        ledger_at=books_at,
        dependencies=[await _database(frame), await _cache(frame)],
        disputes=sorted([*due, *(one for one, _ in stalled)], key=lambda one: one.due_by)[:DISPUTES],
        attention=_attention(counts, failed, urgent),
    )


async def _ledger(frame: Frame, found: LastReport) -> tuple[Literal["held", "broken"], datetime]:
    """What the worker found a short while ago, for to look at it takes as long as it is; else what it is now."""
    if found.at is not None and frame.now - found.at <= invariants.LATEST:
        return "broken" if invariants.LEDGER in found.broken else "held", found.at
    return (await ledger.check(frame)).state, frame.now


def _attention(counts: object, failed: list[FailedPayments], urgent: list[tuple[str, int, str]]) -> list[Attention]:
    rows = [
        *urgent,
        ("jobs that gave up", getattr(counts, "dead", 0), "rtp jobs list --state dead"),
        (
            "refunds that wait for a second person",
            getattr(counts, "refunds_waiting", 0),
            "rtp refunds list --state waiting",
        ),
        (
            "refunds that failed after they had succeeded",
            getattr(counts, "refunds_back", 0),
            "rtp refunds list --state failed",
        ),
        ("refunds that failed", getattr(counts, "refunds_failed", 0), "rtp refunds list --state failed"),
        ("refunds with an unknown outcome", getattr(counts, "refunds_unknown", 0), "rtp refunds list --state unknown"),
        ("refunds under way for over an hour", getattr(counts, "refunds_stuck", 0), "rtp refunds list --until 1h"),
        ("payments under way for over an hour", getattr(counts, "payments_stuck", 0), "rtp payments list --until 1h"),
        ("payments that failed today", sum(row.count for row in failed), "rtp payments list --state failed"),
    ]
    return [Attention(what=what, count=count, command=command) for what, count, command in rows if count]


async def _database(frame: Frame) -> Dependency:
    return Dependency(name="database", state="ok", latency_ms=await _timed(lambda: repository.ping(frame)))


async def _cache(frame: Frame) -> Dependency:
    begun = perf_counter()
    state = await cache.state(frame)
    spent = round((perf_counter() - begun) * 1000, 2)
    return Dependency(name="cache", state=state, latency_ms=spent if state == "ok" else None)


async def _timed(act: Callable[[], Awaitable[None]]) -> float:
    begun = perf_counter()
    await act()
    return round((perf_counter() - begun) * 1000, 2)
