"""Every query on the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, text

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import policy
from rtp.ledger.model import ledger
from rtp.ledger.schemas import Balance, LedgerCheckLine, LedgerEntry, Posting
from rtp.operations import Page

PREFIXES = {"payment": "pay", "refund": "rfd", "dispute": "dsp", "balance": "adj"}
"""Prefix of the source's id by the first word of the kind."""


def source_of(kind: str, key: str) -> UUID:
    """The bare id of a source."""
    return ids.parse(PREFIXES[kind.partition(".")[0]], key)


async def add(frame: Frame, *, kind: str, source: str, user_id: int, postings: Sequence[Posting]) -> None:
    """Insert the sides of one transaction in one statement, after which the database checks that they balance."""
    transaction = frame.ids.uuid(user_id)
    await frame.execute(
        insert(ledger).values(
            [
                {
                    "id": frame.ids.uuid(user_id),
                    "transaction_id": transaction,
                    "kind": kind,
                    "source": source_of(kind, source),
                    "account": posting.account,
                    "amount": posting.amount.amount,
                    "currency": posting.amount.currency,
                    "user_id": user_id,
                    "at": frame.now,
                }
                for posting in postings
            ]
        )
    )


async def posted(frame: Frame, source: str, kinds: Sequence[str]) -> list[Posting]:
    """What a source posted under these kinds."""
    query = select(ledger.c.account, ledger.c.amount, ledger.c.currency).order_by(ledger.c.id)
    rows = await frame.all(query.where(ledger.c.source == source_of(kinds[0], source), ledger.c.kind.in_(kinds)))
    return [Posting(row.account, Money(row.amount, row.currency)) for row in rows]


async def lock_credit(frame: Frame, user_id: int) -> None:
    """Let no other transaction change this member's credit until this one ends."""
    await frame.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"member credit {user_id}", 0))))


async def credit(frame: Frame, user_id: int, currency: str) -> Money:
    """What a member has in credit."""
    sides = (ledger.c.user_id == user_id, ledger.c.account == policy.CREDIT, ledger.c.currency == currency)
    row = await frame.first(select(func.sum(ledger.c.amount).label("amount")).where(*sides))
    return Money(-int(row.amount) if row is not None and row.amount else 0, currency)


def _to_entry(row: Row[Any]) -> LedgerEntry:
    return LedgerEntry(
        id=ids.show("led", row.id),
        transaction_id=ids.show("led", row.transaction_id),
        kind=row.kind,
        source=ids.show(PREFIXES[row.kind.partition(".")[0]], row.source),
        account=row.account,
        amount=Money(row.amount, row.currency),
        user_id=ids.show_user(row.user_id),
        at=row.at,
    )


async def page(
    frame: Frame, page: PageRequest, *, account: str, source: UUID | None, user_id: int | None
) -> Page[LedgerEntry]:
    """One page of entries."""
    query = select(ledger)
    if account:
        query = query.where(ledger.c.account == account)
    if source is not None:
        query = query.where(ledger.c.source == source)
    if user_id is not None:
        query = query.where(ledger.c.user_id == user_id)
    return await page_of(
        frame,
        page,
        query,
        key=ledger.c.id,
        sorts={"at": ledger.c.id},
        default="-at",
        time=ledger.c.at,
        build=_to_entry,
    )


async def balances(frame: Frame) -> list[Balance]:
    """The sum of every account and currency."""
    total, count = func.sum(ledger.c.amount).label("total"), func.count().label("entries")
    query = select(ledger.c.account, ledger.c.currency, total, count).group_by(ledger.c.account, ledger.c.currency)
    rows = await frame.all(query.order_by(ledger.c.account, ledger.c.currency))
    return [
        Balance(account=row.account, amount=Money(int(row.total), row.currency), entries=row.entries) for row in rows
    ]


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
            WHERE state IN ('created', 'submitted', 'pending', 'unknown', 'succeeded') GROUP BY payment_id
        ) r ON r.payment_id = p.id
        WHERE p.refunds_held <> coalesce(r.amount, 0)
        """,
    ),
    "no refund exceeds what was captured": (
        "SELECT count(*) FROM payments",
        "SELECT id::text FROM payments WHERE refunds_held > captured",
    ),
    "each refund paid left the provider's account": (
        "SELECT count(*) FROM refunds",
        """
        SELECT r.id::text FROM refunds r LEFT JOIN (
            SELECT source, -sum(amount) AS amount FROM ledger
            WHERE kind = 'refund.paid' AND account LIKE 'clearing:%' GROUP BY source
        ) l ON l.source = r.id
        WHERE CASE WHEN r.state = 'succeeded' THEN r.amount ELSE 0 END <> coalesce(l.amount, 0)
        """,
    ),
    "refunds payable equal the refunds under way": (
        "SELECT count(*) FROM refunds",
        """
        SELECT coalesce(r.currency, l.currency) FROM (
            SELECT currency, sum(amount) AS amount FROM refunds
            WHERE state IN ('created', 'submitted', 'pending', 'unknown') GROUP BY currency
        ) r FULL JOIN (
            SELECT currency, -sum(amount) AS amount FROM ledger WHERE account = 'refunds payable' GROUP BY currency
        ) l ON l.currency = r.currency
        WHERE coalesce(r.amount, 0) <> coalesce(l.amount, 0)
        """,
    ),
}
"""Rule → (how many rows it looks at, the rows that break it)."""


async def check(frame: Frame, rule: str) -> LedgerCheckLine:
    """Recompute one rule from zero."""
    counting, breaking = RULES[rule]
    counted = await frame.first(text(counting))
    broken = [str(row[0]) for row in await frame.all(text(f"{breaking} LIMIT 20"))]
    return LedgerCheckLine(
        rule=rule, state="broken" if broken else "held", checked=int(counted[0]) if counted else 0, broken=broken
    )
