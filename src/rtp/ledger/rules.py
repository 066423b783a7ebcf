"""The rules of the ledger, each recomputed from zero: over all rows, or over what is new where that says as much.

It says as much of what only the ledger itself can break: entries are never changed, so whatever held goes on to hold
until an entry is added to it. A rule that compares the ledger with another table needs all of both.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.db.partitions import lowest_id
from rtp.ledger.schemas import LedgerCheckLine

RULES: dict[str, tuple[str, str]] = {
    "every transaction balances": (
        "SELECT count(DISTINCT transaction_id) FROM ledger",
        """
        SELECT transaction_id::text FROM ledger GROUP BY transaction_id, currency HAVING sum(amount) <> 0
        """,
    ),
    "each movement is posted once": (
        "SELECT count(*) FROM (SELECT DISTINCT source, kind FROM ledger) AS movements",
        "SELECT source || ' ' || kind FROM ledger GROUP BY source, kind HAVING count(DISTINCT transaction_id) > 1",
    ),
    "captured equals what was posted": (
        "SELECT count(*) FROM payments",
        """
        SELECT p.id::text FROM payments p LEFT JOIN (
            SELECT source, currency, sum(amount) AS amount FROM ledger
            WHERE kind = 'payment' AND account LIKE 'clearing:%' GROUP BY source, currency
        ) l ON l.source = p.id AND l.currency = p.currency
        WHERE p.captured <> coalesce(l.amount, 0)
        """,
    ),
    "held equals the refunds that hold": (
        "SELECT count(*) FROM payments",
        """
        SELECT p.id::text FROM payments p LEFT JOIN (
            SELECT payment_id, sum(amount) AS amount FROM refunds
            WHERE state IN ('waiting', 'created', 'submitted', 'pending', 'unknown', 'succeeded') GROUP BY payment_id
        ) r ON r.payment_id = p.id
        WHERE p.refunds_held <> coalesce(r.amount, 0)
        """,
    ),
    "no refund exceeds what was captured": (
        "SELECT count(*) FROM payments",
        "SELECT id::text FROM payments WHERE refunds_held > captured",
    ),
    "the tax that was posted is the tax that was sold": (
        "SELECT count(*) FROM payments",
        """
        SELECT p.id::text FROM payments p LEFT JOIN (
            SELECT source, -sum(amount) AS amount FROM ledger
            WHERE kind = 'payment' AND account = 'tax payable' GROUP BY source
        ) l ON l.source = p.id
        WHERE CASE WHEN p.state = 'succeeded' THEN p.tax ELSE 0 END <> coalesce(l.amount, 0)
        """,
    ),
    "the tax that refunds were posted with is theirs": (
        "SELECT count(*) FROM refunds",
        """
        SELECT r.id::text FROM refunds r LEFT JOIN (
            SELECT source, sum(amount) AS amount FROM ledger
            WHERE kind = 'refund.reserved' AND account = 'tax payable' GROUP BY source
        ) l ON l.source = r.id
        WHERE r.tax <> coalesce(l.amount, 0)
        """,
    ),
    "no more tax is returned than was taken": (
        "SELECT count(*) FROM payments",
        """
        SELECT p.id::text FROM payments p JOIN (
            SELECT id, payment_id FROM refunds UNION ALL SELECT id, payment_id FROM disputes
        ) back ON back.payment_id = p.id
        JOIN ledger l ON l.source = back.id AND l.account = 'tax payable'
        GROUP BY p.id, p.tax HAVING sum(l.amount) > p.tax
        """,
    ),
    "each refund paid left the provider's account": (
        "SELECT count(*) FROM refunds",
        """
        SELECT r.id::text FROM refunds r LEFT JOIN (
            SELECT source, -sum(amount) AS amount FROM ledger
            WHERE kind IN ('refund.paid', 'refund.released') AND account LIKE 'clearing:%' GROUP BY source
        ) l ON l.source = r.id
        WHERE CASE WHEN r.state = 'succeeded' THEN r.amount ELSE 0 END <> coalesce(l.amount, 0)
        """,
    ),
    "refunds payable equal the refunds under way": (
        "SELECT count(*) FROM refunds",
        """
        SELECT coalesce(r.currency, l.currency) FROM (
            SELECT currency, sum(amount) AS amount FROM refunds
            WHERE state IN ('waiting', 'created', 'submitted', 'pending', 'unknown') GROUP BY currency
        ) r FULL JOIN (
            SELECT currency, -sum(amount) AS amount FROM ledger WHERE account = 'refunds payable' GROUP BY currency
        ) l ON l.currency = r.currency
        WHERE coalesce(r.amount, 0) <> coalesce(l.amount, 0)
        """,
    ),
    "a refund that came to nothing leaves nothing": (
        "SELECT count(*) FROM refunds WHERE state IN ('failed', 'canceled', 'rejected', 'expired')",
        """
        SELECT r.id::text FROM refunds r JOIN ledger l ON l.source = r.id
        WHERE r.state IN ('failed', 'canceled', 'rejected', 'expired')
        GROUP BY r.id, l.account, l.currency HAVING sum(l.amount) <> 0
        """,
    ),
    "a dispute that ended withholds nothing": (
        "SELECT count(DISTINCT source) FROM ledger WHERE kind IN ('dispute.won', 'dispute.lost')",
        """
        SELECT source::text FROM ledger WHERE account = 'disputes' GROUP BY source
        HAVING sum(amount) <> 0 AND bool_or(kind IN ('dispute.won', 'dispute.lost'))
        """,
    ),
    "fees of disputes are what was posted": (
        "SELECT count(*) FROM disputes",
        """
        SELECT d.id::text FROM disputes d LEFT JOIN (
            SELECT source, sum(amount) AS amount FROM ledger
            WHERE kind LIKE 'dispute.fee%' AND account = 'fees' GROUP BY source
        ) l ON l.source = d.id
        WHERE d.fee <> coalesce(l.amount, 0)
        """,
    ),
    "lost disputes equal what payments lost": (
        "SELECT count(DISTINCT source) FROM ledger WHERE kind = 'dispute.lost'",
        """
        SELECT coalesce(p.currency, l.currency) FROM (
            SELECT currency, sum(disputes_lost) AS amount FROM payments GROUP BY currency
        ) p FULL JOIN (
            SELECT currency, -sum(amount) AS amount FROM ledger
            WHERE kind = 'dispute.lost' AND account = 'disputes' GROUP BY currency
        ) l ON l.currency = p.currency
        WHERE coalesce(p.amount, 0) <> coalesce(l.amount, 0)
        """,
    ),
    "the tax of lost disputes is off the lines of their payments": (
        "SELECT count(*) FROM disputes WHERE state = 'lost'",
        """
        SELECT p.id::text FROM payments p LEFT JOIN (
            SELECT d.payment_id, sum(l.amount) AS tax FROM disputes d
            JOIN ledger l ON l.source = d.id AND l.account = 'tax payable' GROUP BY d.payment_id
        ) posted ON posted.payment_id = p.id LEFT JOIN (
            SELECT payment_id, sum(tax_lost) AS tax FROM payment_lines GROUP BY payment_id
        ) lost ON lost.payment_id = p.id
        WHERE coalesce(posted.tax, 0) <> coalesce(lost.tax, 0)
        """,
    ),
    "no member's credit is below zero": (
        "SELECT count(DISTINCT user_id) FROM ledger WHERE account = 'member credit'",
        """
        SELECT 'usr ' || user_id || ' ' || currency FROM ledger WHERE account = 'member credit'
        GROUP BY user_id, currency HAVING sum(amount) > 0
        """,
    ),
    "no debt of ours is below zero": (
        "SELECT count(*) FROM ledger WHERE account IN ('deferred', 'tax payable', 'refunds payable', 'member credit')",
        """
        SELECT account || ' ' || currency FROM ledger
        WHERE account IN ('deferred', 'tax payable', 'refunds payable', 'member credit')
        GROUP BY account, currency HAVING sum(amount) > 0
        """,
    ),
}
"""Rule → (how many rows it looks at, the rows that break it)."""


RECENT: dict[str, tuple[str, str]] = {
    "every transaction balances": (
        "SELECT count(DISTINCT transaction_id) FROM ledger WHERE id >= :since",
        """
        SELECT transaction_id::text FROM ledger
        WHERE transaction_id IN (SELECT transaction_id FROM ledger WHERE id >= :since)
        GROUP BY transaction_id, currency HAVING sum(amount) <> 0
        """,
    ),
    "each movement is posted once": (
        "SELECT count(*) FROM (SELECT DISTINCT source, kind FROM ledger WHERE id >= :since) AS movements",
        """
        SELECT source || ' ' || kind FROM ledger
        WHERE source IN (SELECT source FROM ledger WHERE id >= :since)
        GROUP BY source, kind HAVING count(DISTINCT transaction_id) > 1
        """,
    ),
}
"""The same of those that only the ledger itself can break, over whatever has an entry since `:since`."""


async def check(frame: Frame, rule: str, since: datetime | None = None) -> LedgerCheckLine:
    """Recompute one rule from zero; with `since` only what has an entry since then, where that says as much."""
    recent = since is not None and rule in RECENT
    counting, breaking = (RECENT if recent else RULES)[rule]
    values = {"since": lowest_id(since)} if since is not None and recent else {}
    counted = await frame.first(text(counting), values)
    broken = [str(row[0]) for row in await frame.all(text(f"{breaking} LIMIT 20"), values)]
    return LedgerCheckLine(
        rule=rule,
        state="broken" if broken else "held",
        checked=int(counted[0]) if counted else 0,
        broken=broken,
        since=since if recent else None,
    )
