"""Queries on policies, and on the rolling sums that they limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import insert, literal_column, select, text

from rtp.db.frame import Frame
from rtp.db.prepared import Prepared
from rtp.db.versions import Kept
from rtp.refunds import policy
from rtp.refunds.model import refund_policies
from rtp.refunds.rules import SPANS, Sums
from rtp.refunds.schemas import Limit, RefundPolicy, RefundRules

_ONE_BY_ONE = text("SELECT pg_advisory_xact_lock(hashtextextended('rtp.refund_policy', 0))")
_NEWEST = Prepared(select(refund_policies).order_by(refund_policies.c.version.desc()).limit(literal_column("1")))
_KEPT: Kept[RefundPolicy] = Kept("refund_policy", "SELECT id FROM refund_policies ORDER BY version DESC LIMIT 1")
_QUEUE = text(
    """
    INSERT INTO refund_desks (holder, currency)
    SELECT holder, :currency FROM unnest(CAST(:holders AS text[])) AS holder
    ON CONFLICT (holder, currency) DO UPDATE SET holder = excluded.holder
    """
)
_SUMS = text(
    """
    SELECT
        coalesce(sum(amount) FILTER (WHERE issued_by = :issuer AND created_at > :day), 0) AS issuer_day,
        coalesce(sum(amount) FILTER (WHERE issued_by = :issuer AND created_at > :week), 0) AS issuer_week,
        coalesce(sum(amount) FILTER (WHERE issued_by = :issuer), 0) AS issuer_month,
        coalesce(sum(amount) FILTER (WHERE user_id = :member AND created_at > :day), 0) AS member_day,
        coalesce(sum(amount) FILTER (WHERE user_id = :member AND created_at > :week), 0) AS member_week,
        coalesce(sum(amount) FILTER (WHERE user_id = :member), 0) AS member_month
    FROM refunds
    WHERE (issued_by = :issuer OR user_id = :member) AND currency = :currency AND created_at > :month
        AND state = ANY (CAST(:holding AS text[]))
    """
)
_NOTE = text(
    """
    UPDATE refund_desks SET day = :day, week = :week, month = :month,
        day_limit = :day_limit, week_limit = :week_limit, month_limit = :month_limit
    WHERE holder = :holder AND currency = :currency
    """
)


class Held(Struct, frozen=True, kw_only=True):
    """One who issues, or a member, and the limits of what they have in each span."""

    holder: str
    day: Limit
    week: Limit
    month: Limit


async def queue(frame: Frame, holders: Sequence[str], currency: str) -> None:
    """Wait until no other transaction counts for these; in their order, which is the same for everybody."""
    await frame.execute(_QUEUE, {"holders": list(holders), "currency": currency})


async def sums(frame: Frame, *, issuer: str, member: int, currency: str) -> tuple[Sums, Sums]:
    """What one who issues, and what a member, has in refunds that were paid or may still be, in each span."""
    given: dict[str, Any] = {span: frame.now - length for span, length in SPANS.items()}
    given |= {"issuer": issuer, "member": member, "currency": currency, "holding": sorted(policy.HOLDING)}
    row = await frame.first(_SUMS, given)
    assert row is not None, "a sum over nothing is a row too"
    by_issuer: Sums = {span: int(getattr(row, f"issuer_{span}")) for span in SPANS}
    to_member: Sums = {span: int(getattr(row, f"member_{span}")) for span in SPANS}
    return by_issuer, to_member


async def note(frame: Frame, held: Held, sums: Sums, currency: str) -> None:
    """Keep the sums beside their limits, where the database compares them once more."""
    limits = {"day_limit": held.day, "week_limit": held.week, "month_limit": held.month}
    await frame.execute(_NOTE, {"holder": held.holder, "currency": currency, **sums, **limits})


async def one_by_one(frame: Frame) -> None:
    """Let one transaction at a time change the policy."""
    await frame.execute(_ONE_BY_ONE)
    _KEPT.forget(frame)


async def current(frame: Frame) -> RefundPolicy:
    """The policy that holds."""
    return await _KEPT.current(frame, _newest)


async def _newest(frame: Frame) -> tuple[UUID | None, RefundPolicy]:
    row = await frame.first(_NEWEST, {})
    if row is None:
        return None, RefundPolicy(version=0, rules=None, applied_by="", created_at=None)
    rules = msgspec.convert(row.document, RefundRules)
    holds = RefundPolicy(version=row.version, rules=rules, applied_by=row.applied_by, created_at=row.created_at)
    return row.id, holds


async def add_policy(frame: Frame, version: int, rules: RefundRules) -> RefundPolicy:
    """Insert the next version."""
    made = RefundPolicy(version=version, rules=rules, applied_by=frame.principal.id, created_at=frame.now)
    row = {
        "id": frame.ids.uuid(),
        "version": version,
        "document": msgspec.to_builtins(rules),
        "applied_by": made.applied_by,
        "created_at": frame.now,
    }
    await frame.execute(insert(refund_policies).values(row))
    _KEPT.forget(frame)
    return made
