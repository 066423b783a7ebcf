"""The rules that one query decides: each gives the ids of what breaks it.

`:due` is ten minutes ago, `:now` now, `:prod` whether real members pay here.
"""

from __future__ import annotations

from msgspec import Struct


class Rule(Struct, frozen=True):
    """A rule: its name, the prefix of the ids that break it, what holds otherwise, the command that shows or mends.

    Without a prefix what breaks it is named as it is.
    """

    name: str
    prefix: str
    held: str
    fix: str
    broken: str


CAPS = (
    Rule(
        "refund caps", "pay", "no payment holds more refunds than were captured", "rtp payments show {id}",
        """
        SELECT p.id FROM payments p LEFT JOIN (
            SELECT payment_id, sum(amount) AS amount FROM refunds
            WHERE state NOT IN ('failed', 'canceled', 'rejected', 'expired') GROUP BY payment_id
        ) r ON r.payment_id = p.id
        WHERE coalesce(r.amount, 0) > p.captured OR coalesce(r.amount, 0) <> p.refunds_held OR p.captured > p.amount
        """,
    ),
    Rule(
        "line caps", "pay", "no line of a payment gave back more than was sold", "rtp payments show {id}",
        """
        SELECT DISTINCT l.payment_id AS id FROM payment_lines l LEFT JOIN (
            SELECT rl.payment_line_id, sum(rl.net) AS net, sum(rl.tax) AS tax, sum(rl.quantity) AS quantity
            FROM refund_lines rl JOIN refunds r ON r.id = rl.refund_id
            WHERE r.state NOT IN ('failed', 'canceled', 'rejected', 'expired') GROUP BY rl.payment_line_id
        ) held ON held.payment_line_id = l.id
        WHERE coalesce(held.net, 0) + l.net_lost > l.net OR coalesce(held.tax, 0) + l.tax_lost > l.tax
            OR coalesce(held.quantity, 0) > l.quantity
        """,
    ),
    Rule(
        "line holds", "pay", "each line of a payment holds what its refunds take of it", "rtp payments show {id}",
        """
        SELECT DISTINCT l.payment_id AS id FROM payment_lines l LEFT JOIN (
            SELECT rl.payment_line_id, sum(rl.net) AS net, sum(rl.tax) AS tax, sum(rl.quantity) AS quantity
            FROM refund_lines rl JOIN refunds r ON r.id = rl.refund_id
            WHERE r.state NOT IN ('failed', 'canceled', 'rejected', 'expired') GROUP BY rl.payment_line_id
        ) held ON held.payment_line_id = l.id
        WHERE (coalesce(held.net, 0), coalesce(held.tax, 0), coalesce(held.quantity, 0))
            IS DISTINCT FROM (l.net_held, l.tax_held, l.quantity_held)
        """,
    ),
    Rule(
        "refund lines", "rfd", "each refund is the sum of its lines, and its tax is", "rtp refunds show {id}",
        """
        SELECT r.id FROM refunds r LEFT JOIN (
            SELECT refund_id, sum(net + tax) AS amount, sum(tax) AS tax FROM refund_lines GROUP BY refund_id
        ) l ON l.refund_id = r.id
        WHERE r.state NOT IN ('failed', 'canceled', 'rejected', 'expired')
            AND (r.amount, r.tax) IS DISTINCT FROM (l.amount, l.tax)
        """,
    ),
)  # fmt: skip

DUE = (
    Rule(
        "jobs due", "job", "no job has waited for 10 minutes", "rtp jobs show {id}",
        """
        SELECT j.id FROM procrastinate_jobs j LEFT JOIN LATERAL (
            SELECT min(e.at) AS at FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'deferred'
        ) asked ON true
        WHERE j.status = 'todo' AND coalesce(j.scheduled_at, asked.at) < now() - interval '10 minutes'
        """,
    ),
    Rule(
        "subscriptions due", "sub", "none has waited for its next step for 10 minutes", "rtp subscriptions show {id}",
        "SELECT id FROM subscriptions WHERE due_at < :due",
    ),
    Rule(
        "payments under way", "pay", "none waits to be sent for 10 minutes", "rtp payments show {id}",
        "SELECT id FROM payments WHERE state IN ('created', 'submitted') AND created_at < :due",
    ),
    Rule(
        "refunds under way", "rfd", "none waits to be sent for 10 minutes", "rtp refunds show {id}",
        """
        SELECT id FROM refunds
        WHERE state IN ('created', 'submitted') AND coalesce(decided_at, created_at) < :due
        """,
    ),
    Rule(
        "webhooks due", "whr", "none has waited for 10 minutes", "rtp webhooks received retry {id}",
        """
        SELECT id FROM webhooks_received WHERE state IN ('received', 'failed')
            AND coalesce(next_attempt_at, received_at) < :due
        """,
    ),
)  # fmt: skip

ACCESS = (
    Rule(
        "access without cause", "ent", "every open entitlement has a subscription that opens it",
        "rtp entitlements show {id}",
        """
        SELECT e.id FROM entitlements e LEFT JOIN subscriptions s
            ON s.id = e.source_id AND s.user_id = e.user_id AND s.product_id = e.product_id
        WHERE e.open AND (e.until IS NULL OR e.until > :now)
            AND (s.id IS NULL OR s.status NOT IN ('trialing', 'active', 'past_due'))
        """,
    ),
    Rule(
        "cause without access", "sub", "every running subscription opens its product", "rtp subscriptions show {id}",
        """
        SELECT s.id FROM subscriptions s LEFT JOIN entitlements e
            ON e.user_id = s.user_id AND e.product_id = s.product_id
        WHERE s.status IN ('trialing', 'active') AND (e.id IS NULL OR (NOT e.open AND e.revoked_until IS NULL))
        """,
    ),
)  # fmt: skip

BALANCES = (
    Rule(
        "balances", "usr", "no member's credit is below zero", "rtp ledger list --user {id} --account 'member credit'",
        """
        SELECT DISTINCT user_id AS id FROM ledger WHERE account = 'member credit'
        GROUP BY user_id, currency HAVING sum(amount) > 0
        """,
    ),
)  # fmt: skip

PAID_FOR_NOTHING = Rule(
    "paid for nothing", "pay", "whatever was paid for a subscription counts for it or went back",
    "rtp refunds preview {id}",
    """
    SELECT p.id FROM subscriptions s JOIN payments p ON p.id = s.payment_id
    WHERE p.state = 'succeeded' AND p.refunds_held = 0 AND p.disputes_lost = 0 AND p.disputes_open = 0
        AND (coalesce(s.ended_at, s.paused_at) < p.settled_at
            OR (s.payment_state <> 'succeeded' AND p.settled_at < :due))
    """,
)  # fmt: skip

TAKEN = (
    PAID_FOR_NOTHING,
    Rule(
        "members who are suspended", "sub", "none of them is to be charged within a day",
        "rtp subscriptions pause {id} --reason suspended",
        """
        SELECT s.id FROM subscriptions s JOIN users u ON u.id = s.user_id
        WHERE (u.status = 'suspended' OR u.deleted_at IS NOT NULL) AND s.status IN ('trialing', 'active', 'past_due')
            AND NOT s.cancel_at_period_end AND s.payment_method_id IS NOT NULL
            AND s.due_at < CAST(:now AS timestamptz) + interval '1 day'
        """,
    ),
    Rule(
        "payments taken", "pay", "on prod, some are taken in an hour that had ten of them a week ago",
        "rtp payments list --since 2h",
        """
        SELECT max(id::text)::uuid AS id FROM payments, (SELECT CAST(:now AS timestamptz) AS until) here
        WHERE state = 'succeeded' AND CAST(:prod AS boolean) AND settled_at > until - interval '7 days 1 hour'
        HAVING count(*) FILTER (WHERE settled_at <= until - interval '7 days') >= 10
            AND count(*) FILTER (WHERE settled_at > until - interval '1 hour') = 0
        """,
    ),
)  # fmt: skip

TIMES = (
    Rule(
        "periods", "sub", "every running one has begun, and something is due at its end", "rtp subscriptions show {id}",
        """
        SELECT id FROM subscriptions WHERE status IN ('trialing', 'active', 'past_due')
            AND (due_at IS NULL OR period_start > CAST(:now AS timestamptz) + interval '10 minutes')
        """,
    ),
    Rule(
        "work by the clock", "", "the last was begun within 10 minutes", "rtp logs worker",
        """
        SELECT task_name AS id FROM procrastinate_periodic_defers
        WHERE defer_timestamp = (SELECT max(defer_timestamp) FROM procrastinate_periodic_defers)
            AND to_timestamp(defer_timestamp) < now() - interval '10 minutes'
        """,
    ),
)  # fmt: skip

RULES: tuple[Rule, ...] = (*CAPS, *DUE, *TIMES, *ACCESS, *TAKEN, *BALANCES)
"""In the order in which they are shown."""
