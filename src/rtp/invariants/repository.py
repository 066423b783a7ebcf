"""Every query on the invariants; those of the rules are in their table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, column, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import NullType

from rtp.db.frame import Frame
from rtp.invariants import policy
from rtp.invariants.model import invariants
from rtp.invariants.policy import Ours, Reach
from rtp.invariants.rules import Rule
from rtp.invariants.schemas import Finding
from rtp.kit import ids
from rtp.kit.money import Money


async def judge(frame: Frame, rule: Rule) -> Finding:
    """What breaks a rule now."""
    known = {
        "due": frame.now - policy.LEEWAY,
        "now": frame.now,
        "prod": frame.premises.environment == "prod",
    }
    wanted = {name: value for name, value in known.items() if f":{name}" in rule.broken}
    broken_ids = text(rule.broken).bindparams(**wanted).columns(column("id")).subquery()
    some = func.array_agg(broken_ids.c.id, type_=ARRAY(NullType))[1 : policy.SHOWN]
    row = (
        await frame.execute(select(func.count().label("found"), some.label("examples")).select_from(broken_ids))
    ).one()
    broken = [_shown(rule.prefix, one) for one in row.examples or []]
    return policy.finding(
        rule.name, broken, count=row.found, held=rule.held, fix=rule.fix.format(id=broken[0]) if broken else ""
    )


def _shown(prefix: str, id: Any) -> str:
    if prefix == ids.USER_PREFIX:
        return ids.show_user(id)
    if isinstance(id, UUID):
        return ids.show(prefix, id)
    return f"{prefix}_{id}" if prefix else str(id)


_PAYMENTS = """
    SELECT id, state, captured AS amount, currency, created_at, settled_at, NULL AS provider_key FROM payments
    WHERE provider = :provider AND (created_at >= :since OR id = ANY(:named))
"""
_REFUNDS = """
    SELECT r.id, r.state, r.amount, r.currency, r.created_at, r.settled_at, r.provider_key FROM refunds r
    JOIN payments p ON p.id = r.payment_id
    WHERE p.provider = :provider AND (r.created_at >= :since OR r.id = ANY(:named) OR r.provider_key = ANY(:keys))
"""


async def payments(frame: Frame, provider: str, since: datetime, named: Iterable[str]) -> dict[str, Ours]:
    """Our payments with a provider: those since an instant, and those that it names by our key."""
    return await _ours(frame, _PAYMENTS, "pay", provider, since, named)


async def refunds(frame: Frame, provider: str, since: datetime, named: Iterable[str]) -> dict[str, Ours]:
    """Our refunds with a provider by its key: those since an instant, and those that it names.

    Its key is our id, but for what was made there and taken in.
    """
    return await _ours(frame, _REFUNDS, "rfd", provider, since, named)


async def _ours(
    frame: Frame, query: str, prefix: str, provider: str, since: datetime, named: Iterable[str]
) -> dict[str, Ours]:
    keys = list(named)
    bare = [found for key in keys if (found := _parsed(prefix, key))]
    given = {"provider": provider, "since": since, "named": bare} | ({"keys": keys} if ":keys" in query else {})
    rows = await frame.all(text(query), given)
    return {ours.key: ours for ours in (_to_ours(prefix, row) for row in rows)}


def _parsed(prefix: str, key: str) -> UUID | None:
    try:
        return ids.parse(prefix, key)
    except ids.WrongId:
        return None


def _to_ours(prefix: str, row: Row[Any]) -> Ours:
    return Ours(
        key=row.provider_key or ids.show(prefix, row.id),
        state=row.state,
        amount=Money(row.amount, row.currency),
        created_at=row.created_at,
        settled_at=row.settled_at,
        taken_in=row.provider_key is not None,
    )


_OPEN = {
    "payment": "SELECT id FROM payments WHERE state = 'unknown' AND created_at < :due ORDER BY id",
    "refund": "SELECT id FROM refunds WHERE state IN ('unknown', 'pending') AND created_at < :due ORDER BY id",
}
_QUESTIONS = text(
    """
    SELECT args ->> :argument AS key FROM procrastinate_jobs
    WHERE status IN ('todo', 'doing') AND task_name = :job AND args ->> :argument = ANY(:keys)
    """
)
PREFIX = {"payment": "pay", "refund": "rfd"}


async def unasked(frame: Frame, noun: str) -> list[str]:
    """Ids of what the provider has not settled and nobody will ask it about again."""
    rows = await frame.all(text(_OPEN[noun]), {"due": frame.now - policy.LEEWAY})
    keys = [ids.show(PREFIX[noun], row.id) for row in rows]
    if not keys:
        return []
    values = {"argument": noun, "job": f"{noun}s.reconcile", "keys": keys}
    asked = {row.key for row in await frame.all(_QUESTIONS, values)}
    return [key for key in keys if key not in asked]


async def last(frame: Frame) -> dict[str, tuple[Finding, int, datetime]]:
    """What was found last: finding, version and instant by the rule's name."""
    rows = await frame.all(select(invariants).order_by(invariants.c.name))
    return {row.name: (_to_finding(row), row.version, row.checked_at) for row in rows}


async def reach(frame: Frame, name: str) -> Reach | None:
    """How far the next look at a rule needs to reach."""
    row = await frame.first(select(invariants).where(invariants.c.name == name))
    return None if row is None else policy.reach(row.state, row.checked_at, row.whole_at, frame.now)


async def lock(frame: Frame) -> None:
    """Let results be kept one after the other."""
    await frame.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("invariants", 0))))


async def keep(frame: Frame, found: Finding, *, changed: bool, whole: bool) -> int:
    """Store what was found: `changed` takes the next version and begins a new `since`, `whole` is a look at all."""
    values = {
        "state": found.state,
        "found": found.count,
        "examples": found.examples,
        "detail": found.detail,
        "fix": found.fix,
        "checked_at": frame.now,
    } | ({"whole_at": frame.now} if whole else {})
    added = insert(invariants).values(name=found.name, since=frame.now, **values)
    again = {"version": invariants.c.version + 1, "since": frame.now} if changed else {}
    query = added.on_conflict_do_update(index_elements=["name"], set_=values | again).returning(invariants.c.version)
    version: int = (await frame.execute(query)).scalar_one()
    return version


def _to_finding(row: Row[Any]) -> Finding:
    return Finding(
        name=row.name, state=row.state, count=row.found, detail=row.detail, examples=row.examples, fix=row.fix
    )
