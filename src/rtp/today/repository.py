"""Every query of the morning page."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.kit.money import Money
from rtp.today.schemas import FailedPayments, Taken

_TAKEN = text(
    """
    WITH spans AS (
        SELECT CAST(:now AS timestamptz) - interval '1 day' AS since, CAST(:now AS timestamptz) AS until
    ), paid AS (
        SELECT currency,
            count(*) FILTER (WHERE settled_at > since AND settled_at <= until) AS payments,
            coalesce(sum(captured) FILTER (WHERE settled_at > since AND settled_at <= until), 0) AS revenue,
            count(*) FILTER (WHERE settled_at <= until - interval '7 days') AS before,
            coalesce(sum(captured) FILTER (WHERE settled_at <= until - interval '7 days'), 0) AS revenue_before
        FROM payments, spans
        WHERE state = 'succeeded' AND settled_at > since - interval '7 days'
            AND (settled_at > since OR settled_at <= until - interval '7 days')
        GROUP BY currency
    ), returned AS (
        SELECT currency, count(*) AS refunds, sum(amount) AS refunded FROM refunds, spans
        WHERE state = 'succeeded' AND settled_at > since AND settled_at <= until GROUP BY currency
    )
    SELECT coalesce(p.currency, r.currency) AS currency, coalesce(payments, 0) AS payments,
        coalesce(revenue, 0)::bigint AS revenue, coalesce(refunds, 0) AS refunds,
        coalesce(refunded, 0)::bigint AS refunded, coalesce(before, 0) AS before,
        coalesce(revenue_before, 0)::bigint AS revenue_before
    FROM paid p FULL JOIN returned r ON r.currency = p.currency ORDER BY 1
    """
)
_FAILED = text(
    """
    SELECT failure_reason AS reason, count(*) AS failed FROM payments
    WHERE state = 'failed' AND settled_at > CAST(:now AS timestamptz) - interval '1 day' GROUP BY 1 ORDER BY 2 DESC, 1
    """
)
_COUNTS = text(
    """
    WITH failed AS (
        SELECT EXISTS (SELECT FROM ledger l WHERE l.source = r.id AND l.kind = 'refund.paid') AS paid
        FROM refunds r JOIN payments p ON p.id = r.payment_id
        WHERE r.state = 'failed' AND r.settled_at > CAST(:now AS timestamptz) - interval '30 days'
            AND r.amount <= p.captured - p.refunds_held - p.disputes_lost
            AND NOT EXISTS (SELECT FROM refunds a WHERE a.payment_id = r.payment_id
                AND a.retry_of IN (r.id, r.retry_of) AND a.id > r.id)
    )
    SELECT
        (SELECT count(*) FROM users WHERE created_at > CAST(:now AS timestamptz) - interval '1 day') AS members,
        (SELECT count(*) FROM payments WHERE state IN ('created', 'submitted', 'unknown')
            AND created_at < CAST(:now AS timestamptz) - interval '1 hour') AS payments_stuck,
        (SELECT count(*) FROM refunds WHERE state IN ('created', 'submitted', 'pending', 'unknown')
            AND created_at < CAST(:now AS timestamptz) - interval '1 hour') AS refunds_stuck,
        (SELECT count(*) FROM refunds WHERE state = 'unknown') AS refunds_unknown,
        (SELECT count(*) FROM refunds WHERE state = 'waiting') AS refunds_waiting,
        (SELECT count(*) FROM failed WHERE NOT paid) AS refunds_failed,
        (SELECT count(*) FROM failed WHERE paid) AS refunds_back,
        (SELECT count(*) FROM subscriptions WHERE status = 'trialing'
            AND trial_end BETWEEN :now AND CAST(:now AS timestamptz) + interval '1 day') AS trials_ending,
        (SELECT count(*) FROM subscriptions WHERE due_at <= CAST(:now AS timestamptz) + interval '1 day'
            AND status IN ('trialing', 'active', 'past_due') AND NOT cancel_at_period_end) AS due,
        (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed') AS dead,
        (SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'
            AND (scheduled_at IS NULL OR scheduled_at <= now())) AS waiting
    """
)


async def taken(frame: Frame) -> list[Taken]:
    """Payments and refunds by currency."""
    return [
        Taken(
            currency=row.currency,
            payments=row.payments,
            revenue=Money(row.revenue, row.currency),
            refunds=row.refunds,
            refunded=Money(row.refunded, row.currency),
            payments_week_before=row.before,
            revenue_week_before=Money(row.revenue_before, row.currency),
        )
        for row in await frame.all(_TAKEN, {"now": frame.now})
    ]


async def failed(frame: Frame) -> list[FailedPayments]:
    """Failed payments by reason."""
    return [FailedPayments(reason=row.reason, count=row.failed) for row in await frame.all(_FAILED, {"now": frame.now})]


async def counts(frame: Frame) -> Any:
    """The plain counts, as one row."""
    row = await frame.first(_COUNTS, {"now": frame.now})
    assert row is not None, "an aggregate has one row"
    return row


async def ping(frame: Frame) -> None:
    """The shortest question to the database."""
    await frame.first(text("SELECT 1"))
