"""Every query of the report: it reads across refunds, ledger, staff and tokens, and changes nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.refund_reports.schemas import RefundPair, ReportSum, SampledRefund

_SUMS = text(
    """
    WITH issued AS (
        SELECT currency, count(*) AS number, sum(amount) AS amount FROM refunds
        WHERE created_at >= :since AND created_at < :until GROUP BY currency
    ), booked AS (
        SELECT currency, -sum(amount) AS booked FROM ledger
        WHERE account = 'refunds payable' AND kind = 'refund.reserved' AND at >= :since AND at < :until
        GROUP BY currency
    )
    SELECT currency, coalesce(number, 0) AS number, coalesce(amount, 0) AS amount, coalesce(booked, 0) AS booked
    FROM issued FULL JOIN booked USING (currency) ORDER BY currency
    """
)
_APPROVED = """
    keys AS (
        SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:makers AS text[])) AS k(issued_by, maker)
    ), approved AS (
        SELECT DISTINCT coalesce(maker, issued_by) AS asker, approved_by
        FROM refunds LEFT JOIN keys USING (issued_by)
        WHERE approved_by IS NOT NULL AND created_at >= :back AND created_at < :until
    ), month AS (
        SELECT r.*, EXISTS (
            SELECT FROM approved a WHERE a.asker = r.approved_by AND a.approved_by = coalesce(k.maker, r.issued_by)
        ) AS mutual
        FROM refunds r LEFT JOIN keys k USING (issued_by) WHERE created_at >= :since AND created_at < :until
    )
"""
_KEYS = text(
    """
    SELECT DISTINCT issued_by FROM refunds
    WHERE issued_by LIKE 'tok\\_%' AND approved_by IS NOT NULL AND created_at >= :back AND created_at < :until
    """
)
_MAKERS = text("SELECT id, created_by FROM tokens WHERE id = ANY (CAST(:ids AS uuid[])) AND created_by IS NOT NULL")
_PAIRS = text(
    f"""
    WITH {_APPROVED}
    SELECT issued_by, approved_by, currency, count(*) AS number, sum(amount) AS amount, bool_or(mutual) AS mutual
    FROM month GROUP BY issued_by, approved_by, currency
    ORDER BY mutual DESC, amount DESC, issued_by, approved_by, currency
    """  # noqa: S608 - text of our own
)
_SAMPLE = text(
    f"""
    WITH {_APPROVED}, drawn AS (
        SELECT id FROM month ORDER BY sha256(convert_to(:seed || ':' || id::text, 'UTF8')), id LIMIT :size
    )
    SELECT m.*, d.id IS NOT NULL AS drawn FROM month m LEFT JOIN drawn d ON d.id = m.id
    WHERE m.mutual OR d.id IS NOT NULL ORDER BY m.created_at, m.id
    """  # noqa: S608 - text of our own
)
_NAMES = {
    "stf": text("SELECT id, email AS name FROM staff WHERE id = ANY (CAST(:ids AS uuid[]))"),
    "tok": text("SELECT id, name FROM tokens WHERE id = ANY (CAST(:ids AS uuid[]))"),
}


async def sums(frame: Frame, span: dict[str, Any]) -> list[ReportSum]:
    """What was issued, and what the ledger reserved, by currency."""
    return [
        ReportSum(
            count=int(row.number), amount=Money(int(row.amount), row.currency),
            booked=Money(int(row.booked), row.currency),
        )
        for row in await frame.all(_SUMS, {"since": span["since"], "until": span["until"]})
    ]  # fmt: skip


async def makers(frame: Frame, span: dict[str, Any]) -> dict[str, str]:
    """Who made the API keys that issued what somebody approved: whoever has a key asks in the name of its maker."""
    rows = await frame.all(_KEYS, {"back": span["back"], "until": span["until"]})
    keys = sorted(ids.parse("tok", row.issued_by).hex for row in rows)
    found = await frame.all(_MAKERS, {"ids": keys}) if keys else []
    return {ids.show("tok", row.id): row.created_by for row in found}


async def pairs(frame: Frame, span: dict[str, Any]) -> list[RefundPair]:
    """Who approved whose refunds, mutual pairs first, then by the sum."""
    return [
        RefundPair(
            issued_by=row.issued_by,
            issuer=row.issued_by,
            approved_by=row.approved_by,
            approver=row.approved_by or "",
            count=int(row.number),
            amount=Money(int(row.amount), row.currency),
            mutual=row.mutual,
        )
        for row in await frame.all(_PAIRS, span)
    ]


async def sample(frame: Frame, span: dict[str, Any], *, seed: str, size: int) -> list[SampledRefund]:
    """So many refunds that a seed draws, and all of mutual pairs, oldest first."""
    return [
        SampledRefund(
            id=ids.show("rfd", row.id),
            payment_id=ids.show("pay", row.payment_id),
            user_id=ids.show_user(row.user_id),
            amount=Money(row.amount, row.currency),
            state=row.state,
            reason=row.reason,
            note=row.note,
            ticket=row.ticket,
            issuer=row.issued_by,
            approver=row.approved_by or "",
            held_because=row.held_because,
            created_at=row.created_at,
            decided_at=row.decided_at,
            drawn=row.drawn,
            mutual=row.mutual,
        )
        for row in await frame.all(_SAMPLE, span | {"seed": seed, "size": size})
    ]


async def names(frame: Frame, people: Collection[str]) -> dict[str, str]:
    """How people know those who issue and approve: staff by their e-mail, tokens by their name."""
    found: dict[str, str] = {}
    for prefix, query in _NAMES.items():
        wanted = {ids.parse(prefix, key).hex for key in people if key.startswith(f"{prefix}_")}
        if wanted:
            rows = await frame.all(query, {"ids": sorted(wanted)})
            found |= {ids.show(prefix, row.id): str(row.name) for row in rows}
    return found
