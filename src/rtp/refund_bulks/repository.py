"""Every query on bulk refunds."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import DateTime, Row, and_, case, column, delete, func, insert, literal, select, table, text, update

from rtp.db import bulk as many
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.rows import change_row, find_row
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.refund_bulks import policy
from rtp.refund_bulks.model import refund_bulk_rows as rows_of
from rtp.refund_bulks.model import refund_bulks
from rtp.refund_bulks.policy import Count, Taken
from rtp.refund_bulks.schemas import Bulk, BulkOutcome, BulkState, CreateBulk, RowState
from rtp.refunds.schemas import LimitUse, Reason

_refunds = table("refunds", column("id"), column("state"), column("failure_reason"), column("created_at", DateTime()))
"""The columns that this area reads of another's table, to count ten thousand refunds without loading them."""
_STATE = case(
    (rows_of.c.state != "issued", rows_of.c.state),
    (_refunds.c.state.in_(["failed", "canceled", "rejected", "expired"]), literal("failed")),
    (_refunds.c.state == "succeeded", literal("succeeded")),
    else_=literal("issued"),
)
_SAME = ("file", "rows", "refused", "done", "failed", "canceled", "waiting", "max_count", "batches", "digest",
         "policy_version", "approvals",
         "canceling", "error", "created_by", "planned_by", "applied_by", "version", "created_at", "planned_at",
         "expires_at",
         "applied_at", "ended_at")  # fmt: skip
_COUNT = text(
    """
    SELECT b.currency, CASE
            WHEN b.state <> 'issued' THEN b.state
            WHEN f.state IN ('failed', 'canceled', 'rejected', 'expired') THEN 'failed'
            WHEN f.state IN ('succeeded', 'waiting') THEN f.state ELSE 'under_way' END AS state,
        count(*) AS rows, coalesce(sum(f.amount), 0)::bigint AS amount,
        max(CASE WHEN f.state = 'waiting' THEN f.expires_at ELSE f.decided_at END) AS people_until
    FROM refund_bulk_rows b LEFT JOIN refunds f ON f.id = b.refund_id
    WHERE b.bulk_id = :bulk AND b.state <> 'refused' GROUP BY 1, 2
    """
)
_MOVED = text(
    """
    SELECT count(*) AS payments, min(b.payment) AS first
    FROM refund_bulk_rows b LEFT JOIN payments p ON p.id = b.payment_id
    WHERE b.bulk_id = :bulk AND b.state = 'planned' AND p.version IS DISTINCT FROM b.payment_version
    """
)
_MOVED_ROWS = text(
    """
    SELECT b.row, b.payment FROM refund_bulk_rows b LEFT JOIN payments p ON p.id = b.payment_id
    WHERE b.bulk_id = :bulk AND b.state = 'planned' AND p.version IS DISTINCT FROM b.payment_version
    ORDER BY b.row LIMIT 20
    """
)
_SPENT = text(
    """
    SELECT user_id, currency, sum(amount)::bigint AS amount FROM refund_bulk_rows
    WHERE bulk_id = :bulk AND state = 'planned' AND user_id = ANY (CAST(:members AS bigint[])) GROUP BY 1, 2
    """
)
_DECIDED = text(
    """
    UPDATE refund_bulk_rows b SET state = d.state, code = d.code, message = d.message, refund_id = d.refund_id
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(id uuid, state text, code text, message text, refund_id uuid)
    WHERE b.id = d.id AND b.state = 'planned'
    """
)


class Planned(Struct, kw_only=True):
    """A row that waits to be issued."""

    id: UUID
    row: int
    payment_id: UUID
    amount: Money
    reason: Reason
    note: str
    ticket: str
    key: str | None


def to_bulk(row: Row[Any], count: Count | None = None) -> Bulk:
    """A row as the struct that leaves the repository, counted as it was last, or now."""
    totals = [msgspec.convert(one, Money) for one in row.totals]
    moved = [msgspec.convert(one, Money) for one in row.moved]
    values = {name: getattr(row, name) for name in _SAME}
    if count is not None:
        values |= {"done": count.done, "failed": count.failed, "canceled": count.canceled, "waiting": count.waiting}
        moved = [Money(amount, currency) for currency, amount in sorted(count.moved.items())]
    accepted = row.rows - row.refused
    return Bulk(
        id=ids.show("bulk", row.id),
        state=row.state,
        accepted=accepted,
        totals=totals,
        total=policy.typed(totals),
        left=accepted - values["done"] - values["failed"] - values["canceled"],
        moved=moved,
        max_totals=[msgspec.convert(one, Money) for one in row.max_totals],
        limits=[msgspec.convert(one, LimitUse) for one in row.limits],
        saga_id=None if row.saga_id is None else ids.show("saga", row.saga_id),
        **values,
    )


async def find(frame: Frame, bulk_id: UUID, *, lock: bool = False) -> Bulk | None:
    """The bulk refund; counted now while it is under way; with `lock`, held for this transaction."""
    row = await find_row(frame, refund_bulks, bulk_id, lock=lock)
    if row is None:
        return None
    return to_bulk(row, await count(frame, bulk_id) if row.state == "applying" and not lock else None)


async def add(frame: Frame, body: CreateBulk) -> Bulk:
    """Insert a bulk refund whose rows are to come."""
    values = {
        "id": frame.ids.uuid(),
        "state": "draft",
        "file": body.file,
        "max_count": body.max_count,
        "max_totals": msgspec.to_builtins(body.max_totals),
        "created_by": frame.principal.id,
        "created_at": frame.now,
    }
    return to_bulk((await frame.execute(insert(refund_bulks).values(values).returning(refund_bulks))).one())


async def change(frame: Frame, bulk_id: UUID, **values: Any) -> Bulk:
    """Change columns and take the next version."""
    return to_bulk(await change_row(frame, refund_bulks, bulk_id, **values))


async def add_rows(frame: Frame, rows: list[dict[str, Any]]) -> None:
    """Insert the checked rows of a batch."""
    if rows:
        await many.append_rows(frame, rows_of, rows)


async def last_row(frame: Frame, bulk_id: UUID) -> int:
    """The highest row number so far."""
    query = select(rows_of.c.row).where(rows_of.c.bulk_id == bulk_id).order_by(rows_of.c.row.desc()).limit(1)
    row = await frame.first(query)
    return 0 if row is None else int(row.row)


async def taken(frame: Frame, bulk_id: UUID, payment_ids: list[UUID]) -> dict[UUID, list[Taken]]:
    """What the rows of this file take of payments so far, in their order."""
    found: dict[UUID, list[Taken]] = {payment_id: [] for payment_id in payment_ids}
    query = select(rows_of).where(rows_of.c.bulk_id == bulk_id, rows_of.c.payment_id.in_(payment_ids))
    for row in await frame.all(query.where(rows_of.c.state == "planned").order_by(rows_of.c.row)):
        found[row.payment_id].append(Taken(row.row, row.amount, row.key))
    return found


async def spent(frame: Frame, bulk_id: UUID, members: Collection[int]) -> list[tuple[int, Money]]:
    """What the rows of this file give members so far, by currency."""
    given = {"bulk": bulk_id, "members": sorted(members)}
    return [(row.user_id, Money(row.amount, row.currency)) for row in await frame.all(_SPENT, given)]


async def keys_taken(frame: Frame, bulk_id: UUID, keys: list[str]) -> dict[str, str]:
    """Where keys are used already: by a row of this file, or by one that was issued of another."""
    mine = rows_of.c.bulk_id == bulk_id
    query = select(rows_of.c.key, rows_of.c.bulk_id, rows_of.c.row).where(rows_of.c.key.in_(keys))
    query = query.where((and_(mine, rows_of.c.state != "refused")) | (rows_of.c.state == "issued"))
    found = {}
    for row in await frame.all(query.order_by(rows_of.c.id)):
        found[row.key] = f"row {row.row}" + ("" if row.bulk_id == bulk_id else f" of {ids.show('bulk', row.bulk_id)}")
    return found


async def outdated(frame: Frame, bulk_id: UUID) -> tuple[int, str, list[dict[str, Any]]]:
    """How many planned rows have a payment that changed since, the first such payment, and the first twenty rows."""
    row = await frame.first(_MOVED, {"bulk": bulk_id})
    if row is None or not row.payments:
        return 0, "", []
    first = [{"row": one.row, "payment": one.payment} for one in await frame.all(_MOVED_ROWS, {"bulk": bulk_id})]
    return int(row.payments), str(first[0]["payment"]), first


async def one_by_one(frame: Frame, digest: str) -> None:
    """Let one transaction at a time begin to carry out these rows: of two, the second then sees the first."""
    await frame.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"bulk {digest}", 0))))


async def with_digest(frame: Frame, bulk_id: UUID, digest: str) -> str | None:
    """The first other bulk refund that was applied with the same rows."""
    query = select(refund_bulks.c.id).where(refund_bulks.c.digest == digest, refund_bulks.c.id != bulk_id)
    query = query.where(refund_bulks.c.state.in_(["applying", "succeeded", "partly"])).order_by(refund_bulks.c.id)
    row = await frame.first(query.limit(1))
    return None if row is None else ids.show("bulk", row.id)


async def next_rows(frame: Frame, bulk_id: UUID, limit: int) -> list[Planned]:
    """The next rows to issue, held for this transaction, in the order in which members and payments are locked."""
    query = select(rows_of).where(rows_of.c.bulk_id == bulk_id, rows_of.c.state == "planned")
    found = await frame.all(query.order_by(rows_of.c.row).limit(limit).with_for_update())
    # Two bulks that meet the same members or payments lock them in one order, and so never wait in a circle.
    found = sorted(found, key=lambda row: (row.user_id or 0, row.payment_id, row.row))
    return [
        Planned(
            amount=Money(row.amount, row.currency),
            **{name: getattr(row, name) for name in Planned.__struct_fields__ if name != "amount"},
        )
        for row in found
    ]


async def decide(frame: Frame, rows: list[dict[str, Any]]) -> None:
    """Note what became of planned rows."""
    await frame.execute(_DECIDED, {"rows": msgspec.json.encode(rows, enc_hook=str).decode()})


async def cancel_planned(frame: Frame, bulk_id: UUID) -> None:
    """Cancel what was not issued."""
    where = and_(rows_of.c.bulk_id == bulk_id, rows_of.c.state == "planned")
    await frame.execute(update(rows_of).where(where).values(state="canceled"))


async def count(frame: Frame, bulk_id: UUID) -> Count:
    """How far the rows have come, now."""
    result = Count()
    for row in await frame.all(_COUNT, {"bulk": bulk_id}):
        name = "done" if row.state == "succeeded" else row.state
        setattr(result, name, getattr(result, name) + row.rows)
        if name == "done":
            result.moved[row.currency] = row.amount
        if row.people_until is not None:
            result.people_until = max(row.people_until, result.people_until or row.people_until)
    return result


async def page(frame: Frame, page: PageRequest, *, state: BulkState | None) -> Page[Bulk]:
    """One page of bulk refunds, counted as they were last."""
    query = matching(select(refund_bulks), (refund_bulks.c.state, state))
    return await page_of(frame, page, query, key=refund_bulks.c.id, time=refund_bulks.c.created_at, build=to_bulk)


async def page_of_rows(frame: Frame, page: PageRequest, bulk_id: UUID, *, state: RowState | None) -> Page[BulkOutcome]:
    """One page of the rows of a bulk refund, in the order of the file."""
    query = select(rows_of, _STATE.label("outcome"), _refunds.c.state.label("refund"), _refunds.c.failure_reason)
    query = query.outerjoin(_refunds, _refunds.c.id == rows_of.c.refund_id).where(rows_of.c.bulk_id == bulk_id)
    if state is not None:
        query = query.where(_STATE.in_([state]))
    return await page_of(
        frame,
        page,
        query,
        key=rows_of.c.row,
        sorts={"row": rows_of.c.row},
        default="row",
        time=_refunds.c.created_at,
        build=_to_outcome,
    )


def _to_outcome(row: Row[Any]) -> BulkOutcome:
    failed = row.outcome == "failed" and row.refund is not None
    return BulkOutcome(
        row=row.row,
        payment=row.payment,
        amount=None if row.amount is None else Money(row.amount, row.currency),
        reason=row.reason,
        note=row.note,
        ticket=row.ticket,
        key=row.key,
        state=row.outcome,
        refund_id=None if row.refund_id is None else ids.show("rfd", row.refund_id),
        approval=row.approval,
        code=f"refund_{row.refund}" if failed else row.code,
        message=row.failure_reason if failed else row.message,
    )


async def delete_drafts(frame: Frame, before: datetime) -> int:
    """Delete files that were not read to their end; how many."""
    query = delete(refund_bulks).where(refund_bulks.c.state == "draft", refund_bulks.c.created_at < before)
    return len(await frame.all(query.returning(refund_bulks.c.id)))
