"""Every query on disputes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.rows import change_row, find_row
from rtp.disputes import policy
from rtp.disputes.model import disputes
from rtp.disputes.schemas import Dispute, DisputeLine, DisputeState
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.payments.ports import ProviderDispute

_SAME = (
    "provider provider_ref reason state due_by opened_at closed_at answer answer_state answer_error answered_by "
    "answered_at version created_at"
).split()


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": ids.show("dsp", row.id),
        "user_id": ids.show_user(row.user_id),
        "payment_id": ids.show("pay", row.payment_id),
        "amount": Money(row.amount, row.currency),
        "tax": Money(row.tax, row.currency),
        "fee": Money(row.fee, row.currency),
        **{name: getattr(row, name) for name in _SAME},
    }


def to_dispute(row: Row[Any]) -> Dispute:
    """A row as the struct that leaves the repository."""
    return Dispute(**_fields(row))


def to_line(row: Row[Any], now: datetime) -> DisputeLine:
    """A row with the time that is left."""
    return DisputeLine(**_fields(row), left=policy.time_left(to_dispute(row), now))


async def find(frame: Frame, dispute_id: UUID, *, lock: bool = False) -> Dispute | None:
    """The dispute with this id; with `lock`, held for this transaction."""
    row = await find_row(frame, disputes, dispute_id, lock=lock)
    return None if row is None else to_dispute(row)


async def of_ref(frame: Frame, provider: str, ref: str, *, lock: bool = False) -> Dispute | None:
    """The dispute that a provider knows by this reference."""
    query = select(disputes).where(disputes.c.provider_ref == ref, disputes.c.provider == provider)
    row = await frame.first(query.with_for_update() if lock else query)
    return None if row is None else to_dispute(row)


async def answer_of(frame: Frame, dispute_id: UUID) -> tuple[int, dict[str, str]]:
    """The number of the last answer, and the evidence of it."""
    query = select(disputes.c.answer_number, disputes.c.evidence).where(disputes.c.id == dispute_id)
    row = await frame.first(query)
    return (0, {}) if row is None else (row.answer_number, row.evidence or {})


async def add(frame: Frame, user_id: int, payment_id: UUID, provider: str, told: ProviderDispute) -> Dispute:
    """Insert a dispute as it begins, whatever became of it since."""
    values = {
        "id": frame.ids.uuid(user_id),
        "user_id": user_id,
        "payment_id": payment_id,
        "provider": provider,
        "provider_ref": told.ref,
        "amount": told.amount.amount,
        "currency": told.amount.currency,
        "fee": 0 if told.fee is None else told.fee.amount,
        "reason": told.reason,
        "state": "needs_response",
        "due_by": told.due_by,
        "opened_at": told.created_at,
        "version": 1,
        "created_at": frame.now,
    }
    return to_dispute((await frame.execute(insert(disputes).values(values).returning(disputes))).one())


async def change(frame: Frame, dispute_id: UUID, **values: Any) -> Dispute:
    """Change columns and take the next version."""
    return to_dispute(await change_row(frame, disputes, dispute_id, **values))


async def sums(frame: Frame, payment_id: UUID) -> tuple[int, int]:
    """Of a payment: how many disputes are open, and what the lost ones took."""
    lost = disputes.c.state == "lost"
    query = select(
        func.count().filter(disputes.c.state.in_(policy.OPEN)).label("open"),
        func.coalesce(func.sum(disputes.c.amount).filter(lost), 0).label("lost"),
    ).where(disputes.c.payment_id == payment_id)
    row = await frame.first(query)
    return (0, 0) if row is None else (int(row.open), int(row.lost))


async def lost_of(frame: Frame, payment_id: UUID) -> list[Dispute]:
    """The lost disputes about a payment, the last to be lost first, held for this transaction."""
    query = select(disputes).where(disputes.c.payment_id == payment_id, disputes.c.state == "lost")
    rows = await frame.all(query.order_by(disputes.c.closed_at.desc(), disputes.c.id).with_for_update())
    return [to_dispute(row) for row in rows]


async def lost_among(frame: Frame, payment_ids: Sequence[UUID]) -> list[UUID]:
    """Of these payments, those that lost a dispute."""
    query = select(disputes.c.payment_id).where(disputes.c.payment_id.in_(payment_ids), disputes.c.state == "lost")
    return [row.payment_id for row in await frame.all(query.distinct())]


async def unanswered(frame: Frame, limit: int) -> tuple[int, list[DisputeLine]]:
    """How many disputes wait for an answer, and the first of them by their deadline."""
    waits = (disputes.c.state == "needs_response") & (disputes.c.answer_state.in_(("none", "refused")))
    counted = await frame.first(select(func.count()).select_from(disputes).where(waits))
    query = select(disputes).where(waits).order_by(disputes.c.due_by, disputes.c.id).limit(limit)
    return (int(counted[0]) if counted else 0), [to_line(row, frame.now) for row in await frame.all(query)]


async def queued(frame: Frame) -> list[DisputeLine]:
    """The open disputes whose answer is on its way, by their deadline."""
    query = select(disputes).where(disputes.c.state.in_(policy.OPEN), disputes.c.answer_state == "queued")
    rows = await frame.all(query.order_by(disputes.c.due_by, disputes.c.id))
    return [to_line(row, frame.now) for row in rows]


async def page(
    frame: Frame, page: PageRequest, *, user_id: int | None, payment_id: UUID | None, state: DisputeState | None
) -> Page[DisputeLine]:
    """One page of disputes."""
    query = matching(
        select(disputes), (disputes.c.user_id, user_id), (disputes.c.payment_id, payment_id), (disputes.c.state, state)
    )
    return await page_of(
        frame,
        page,
        query,
        key=disputes.c.id,
        sorts={"created_at": disputes.c.id, "due_by": disputes.c.due_by},
        default="-created_at",
        time=disputes.c.created_at,
        build=lambda row: to_line(row, frame.now),
    )
