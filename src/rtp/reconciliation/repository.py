"""Every query of reconciliation: ours set by set, and what runs found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.reconciliation import policy
from rtp.reconciliation.model import runs, set_aside
from rtp.reconciliation.policy import Ours
from rtp.reconciliation.schemas import Difference, Look, Noun, Run, RunLine

PREFIX: dict[Noun, str] = {"charge": "pay", "refund": "rfd", "dispute": "dsp"}
_COLUMNS: dict[Noun, str] = {
    "charge": """
        SELECT p.id, p.state, CASE p.state WHEN 'succeeded' THEN p.captured ELSE p.amount END AS amount, p.currency,
            coalesce(p.provider_ref, '') AS ref, coalesce(p.settled_at, p.created_at) AS touched_at
        FROM payments p WHERE p.provider = :provider
    """,
    "refund": """
        SELECT r.id, r.state, r.amount, r.currency, coalesce(r.provider_ref, '') AS ref,
            coalesce(r.settled_at, r.decided_at, r.created_at) AS touched_at,
            coalesce(r.provider_key, '') AS provider_key
        FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.provider = :provider
    """,
    "dispute": """
        SELECT d.id, d.state, d.amount, d.currency, d.fee, d.provider_ref AS ref,
            coalesce(d.closed_at, d.answered_at, d.created_at) AS touched_at, d.payment_id
        FROM disputes d WHERE d.provider = :provider
    """,
}
_ALIAS: dict[Noun, str] = {"charge": "p", "refund": "r", "dispute": "d"}
_MADE: dict[Noun, str] = {"charge": "p.created_at", "refund": "r.created_at", "dispute": "d.opened_at"}
"""When it was made as the provider's list counts it: a dispute may be heard of here long after it was opened there."""
_BUSY = text(
    """
    SELECT args ->> :argument AS name FROM procrastinate_jobs
    WHERE status IN ('todo', 'doing') AND args ->> :argument = ANY(:names) AND task_name = ANY(:jobs)
    UNION
    SELECT names.name FROM unnest(CAST(:names AS text[]), CAST(:abouts AS text[])) AS names(name, about)
    JOIN webhooks_received w ON w.about = names.about
    WHERE w.state = 'received' OR (w.state = 'failed' AND w.next_attempt_at IS NOT NULL)
    """
)
_JOBS: dict[Noun, tuple[str, list[str]]] = {
    "charge": ("payment", ["payments.submit", "payments.reconcile"]),
    "refund": ("refund", ["refunds.submit", "refunds.reconcile"]),
    "dispute": ("dispute", ["disputes.answer"]),
}


async def named(frame: Frame, noun: Noun, provider: str, names: Sequence[str]) -> dict[str, Ours]:
    """Ours by the provider's key for them, which is our id; disputes by the provider's reference."""
    alias = _ALIAS[noun]
    if noun == "dispute":
        query = f"{_COLUMNS[noun]} AND d.provider_ref = ANY(:names)"
        rows = await frame.all(text(query), {"provider": provider, "names": list(names)})
    else:
        wanted = [parsed for name in names if (parsed := _parsed(PREFIX[noun], name))]
        adopted = " OR r.provider_key = ANY(:keys)" if noun == "refund" else ""
        query = f"{_COLUMNS[noun]} AND ({alias}.id = ANY(:names){adopted})"
        given = {"provider": provider, "names": wanted} | ({"keys": list(names)} if adopted else {})
        rows = await frame.all(text(query), given)
    found = await _busy(frame, noun, rows)
    return {one.ref if noun == "dispute" else one.key: one for one in found}


async def after(
    frame: Frame, noun: Noun, provider: str, *, since: datetime, until: datetime, after: str, limit: int
) -> list[Ours]:
    """The next of ours, by id, that were made in a span."""
    alias, made = _ALIAS[noun], _MADE[noun]
    query = f"""
        {_COLUMNS[noun]} AND {made} >= :since AND {made} < :until AND {alias}.id > :after
        ORDER BY {alias}.id LIMIT :limit
    """
    last = ids.parse(PREFIX[noun], after) if after else UUID(int=0)
    given = {"provider": provider, "since": since, "until": until, "after": last, "limit": limit}
    return await _busy(frame, noun, await frame.all(text(query), given))


async def _busy(frame: Frame, noun: Noun, rows: Sequence[Row[Any]]) -> list[Ours]:
    """Mark those that a job or an event is about to move; events of a dispute are about its payment."""
    found = [_to_ours(noun, row) for row in rows]
    if not found:
        return found
    argument, jobs = _JOBS[noun]
    names = [one.name for one in found]
    abouts = [ids.show("pay", row.payment_id) for row in rows] if noun == "dispute" else [one.key for one in found]
    given = {"argument": argument, "jobs": jobs, "names": names, "abouts": abouts}
    busy = {row.name for row in await frame.all(_BUSY, given)}
    return [msgspec.structs.replace(one, busy=True) if one.name in busy else one for one in found]


async def payments_among(frame: Frame, provider: str, keys: Iterable[str]) -> set[str]:
    """Of these keys, those that are payments of ours which were captured."""
    wanted = [found for key in keys if (found := _parsed("pay", key))]
    query = text("SELECT id FROM payments WHERE provider = :provider AND id = ANY(:ids) AND state = 'succeeded'")
    return {ids.show("pay", row.id) for row in await frame.all(query, {"provider": provider, "ids": wanted})}


async def refundable_among(frame: Frame, provider: str, charge_refs: Iterable[str]) -> dict[str, Money]:
    """What is left to refund of the captured payments behind these charges of a provider."""
    query = text(
        """
        SELECT provider_ref, greatest(0, captured - refunds_held - disputes_lost) AS amount, currency FROM payments
        WHERE provider = :provider AND provider_ref = ANY(:refs) AND state = 'succeeded'
        """
    )
    rows = await frame.all(query, {"provider": provider, "refs": list(charge_refs)})
    return {row.provider_ref: Money(row.amount, row.currency) for row in rows}


async def payment_of(frame: Frame, provider: str, charge_ref: str) -> str | None:
    """Our id of the captured payment behind a charge of a provider."""
    query = text("SELECT id FROM payments WHERE provider = :provider AND provider_ref = :ref AND state = 'succeeded'")
    row = await frame.first(query, {"provider": provider, "ref": charge_ref})
    return None if row is None else ids.show("pay", row.id)


def _to_ours(noun: Noun, row: Row[Any]) -> Ours:
    return Ours(
        name=ids.show(PREFIX[noun], row.id),
        state=row.state,
        amount=Money(row.amount, row.currency),
        ref=row.ref,
        touched_at=row.touched_at,
        fee=Money(row.fee, row.currency) if noun == "dispute" else None,
        provider_key=row.provider_key if noun == "refund" else "",
    )


def _parsed(prefix: str, key: str) -> UUID | None:
    try:
        return ids.parse(prefix, key)
    except ids.WrongId:
        return None


async def set_aside_digests(frame: Frame, provider: str, found: Sequence[Difference]) -> set[str]:
    """Digests of what was set aside under these names."""
    query = select(set_aside.c.digest).where(
        set_aside.c.provider == provider, set_aside.c.name.in_([one.name for one in found])
    )
    return {row.digest for row in await frame.all(query)}


async def put_aside(frame: Frame, provider: str, found: Difference) -> bool:
    """Keep a difference for a person, open even where an earlier one was closed; False when this very one was kept."""
    values = {
        "digest": policy.digest(found),
        "difference": msgspec.to_builtins(found, enc_hook=str),
        "set_aside_by": frame.principal.id,
        "created_at": frame.now,
        "closed_at": None,
        "closed_by": "",
        "reason": "",
    }
    query = upsert(set_aside).values(id=frame.ids.uuid(), provider=provider, noun=found.noun, name=found.name, **values)
    query = query.on_conflict_do_update(
        index_elements=["provider", "noun", "name"],
        set_=values | {"version": set_aside.c.version + 1},
        where=set_aside.c.digest != query.excluded.digest,
    )
    return await frame.first(query.returning(set_aside.c.id)) is not None


async def add(frame: Frame, kind: str, look: Look, *, left_open: int) -> Run:
    """Keep what a run found."""
    row = await frame.execute(
        insert(runs)
        .values(
            id=frame.ids.uuid(),
            provider=look.provider,
            kind=kind,
            since=look.since,
            until=look.until,
            charges=look.charges,
            refunds=look.refunds,
            disputes=look.disputes,
            found=look.found,
            left_open=left_open,
            set_aside=look.set_aside,
            differences=msgspec.to_builtins(look.differences, enc_hook=str),
            started_by=frame.principal.id,
            created_at=frame.now,
        )
        .returning(runs)
    )
    return _to_run(row.one())


async def find(frame: Frame, run_id: UUID) -> Run | None:
    """The run with this id."""
    row = await frame.first(select(runs).where(runs.c.id == run_id))
    return None if row is None else _to_run(row)


async def newest(frame: Frame, count: int = 1) -> list[Run]:
    """The last runs of any kind, newest first."""
    query = select(runs).order_by(runs.c.id.desc()).limit(count)
    return [_to_run(row) for row in await frame.all(query)]


async def page(frame: Frame, page: PageRequest) -> Page[RunLine]:
    """One page of runs."""
    return await page_of(frame, page, select(runs), key=runs.c.id, time=runs.c.created_at, build=_to_line)


def _fields(row: Row[Any]) -> dict[str, Any]:
    same = {name: getattr(row, name) for name in RunLine.__struct_fields__ if name not in {"id", "state"}}
    return {"id": ids.show("rec", row.id), "state": "differs" if row.left_open else "equal", **same}


def _to_line(row: Row[Any]) -> RunLine:
    return RunLine(**_fields(row))


def _to_run(row: Row[Any]) -> Run:
    return Run(**_fields(row), differences=msgspec.convert(row.differences, list[Difference]))
