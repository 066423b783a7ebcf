"""Queries on the rolling sums of many at once: of who issues in every currency, of many members in every currency."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, text

from rtp.db.frame import Frame
from rtp.refunds import policy
from rtp.refunds.rules import SPANS, Sums

_ISSUED = text(
    """
    SELECT currency,
        coalesce(sum(amount) FILTER (WHERE created_at > :day), 0) AS day,
        coalesce(sum(amount) FILTER (WHERE created_at > :week), 0) AS week, sum(amount) AS month
    FROM refunds
    WHERE issued_by = :issuer AND created_at > :month AND state = ANY (CAST(:holding AS text[])) GROUP BY currency
    """
)
_RECEIVED = text(
    """
    SELECT user_id, currency,
        coalesce(sum(amount) FILTER (WHERE created_at > :day), 0) AS day,
        coalesce(sum(amount) FILTER (WHERE created_at > :week), 0) AS week, sum(amount) AS month
    FROM refunds
    WHERE user_id = ANY (CAST(:members AS bigint[])) AND created_at > :month
        AND state = ANY (CAST(:holding AS text[])) GROUP BY user_id, currency
    """
)


async def issued_by(frame: Frame, issuer: str) -> dict[str, Sums]:
    """What one who issues has in refunds that were paid or may still be, by currency."""
    rows = await frame.all(_ISSUED, _given(frame) | {"issuer": issuer})
    return {row.currency: _sums(row) for row in rows}


async def received_by(frame: Frame, members: Collection[int]) -> dict[tuple[int, str], Sums]:
    """What members have in such refunds, by member and currency."""
    rows = await frame.all(_RECEIVED, _given(frame) | {"members": sorted(members)})
    return {(row.user_id, row.currency): _sums(row) for row in rows}


def _given(frame: Frame) -> dict[str, Any]:
    spans: dict[str, Any] = {span: frame.now - length for span, length in SPANS.items()}
    return spans | {"holding": sorted(policy.HOLDING)}


def _sums(row: Row[Any]) -> Sums:
    return {span: int(getattr(row, span)) for span in SPANS}
