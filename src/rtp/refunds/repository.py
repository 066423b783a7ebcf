"""Every query on refunds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.refunds.model import refunds
from rtp.refunds.schemas import Refund, RefundState


def to_refund(row: Row[Any]) -> Refund:
    """A row as the struct that leaves the repository."""
    return Refund(
        id=ids.show("rfd", row.id),
        user_id=ids.show_user(row.user_id),
        payment_id=ids.show("pay", row.payment_id),
        amount=Money(row.amount, row.currency),
        state=row.state,
        reason=row.reason,
        issued_by=row.issued_by,
        provider_ref=row.provider_ref,
        failure_reason=row.failure_reason,
        version=row.version,
        created_at=row.created_at,
        settled_at=row.settled_at,
    )


async def find(frame: Frame, refund_id: UUID, *, lock: bool = False) -> Refund | None:
    """The refund with this id; with `lock`, held for this transaction."""
    query = select(refunds).where(refunds.c.id == refund_id)
    row = await frame.first(query.with_for_update() if lock else query)
    return None if row is None else to_refund(row)


async def of_payment(frame: Frame, payment_id: UUID) -> list[Refund]:
    """All refunds of a payment, oldest first."""
    query = select(refunds).where(refunds.c.payment_id == payment_id).order_by(refunds.c.id)
    return [to_refund(row) for row in await frame.all(query)]


async def add(frame: Frame, user_id: int, payment_id: UUID, amount: Money, reason: str) -> Refund:
    """Insert a refund that was not yet sent."""
    values = {
        "id": frame.ids.uuid(user_id),
        "user_id": user_id,
        "payment_id": payment_id,
        "amount": amount.amount,
        "currency": amount.currency,
        "state": "created",
        "reason": reason,
        "issued_by": frame.principal.id,
        "version": 1,
        "created_at": frame.now,
    }
    return to_refund((await frame.execute(insert(refunds).values(values).returning(refunds))).one())


async def newest(frame: Frame, user_id: int, limit: int) -> list[Refund]:
    """The newest of a member."""
    query = select(refunds).where(refunds.c.user_id == user_id).order_by(refunds.c.id.desc()).limit(limit)
    return [to_refund(row) for row in await frame.all(query)]


async def change(frame: Frame, refund_id: UUID, **values: Any) -> Refund:
    """Change columns and take the next version."""
    query = update(refunds).where(refunds.c.id == refund_id)
    query = query.values(**values, version=refunds.c.version + 1).returning(refunds)
    return to_refund((await frame.execute(query)).one())


async def page(frame: Frame, page: PageRequest, *, user_id: int | None, state: RefundState | None) -> Page[Refund]:
    """One page of refunds."""
    query = select(refunds)
    if user_id is not None:
        query = query.where(refunds.c.user_id == user_id)
    if state is not None:
        query = query.where(refunds.c.state == state)
    return await page_of(
        frame,
        page,
        query,
        key=refunds.c.id,
        sorts={"created_at": refunds.c.id},
        default="-created_at",
        time=refunds.c.created_at,
        build=to_refund,
    )


async def user_of_provider_ref(frame: Frame, ref: str) -> int | None:
    """The member behind a provider's reference of a refund."""
    row = await frame.first(select(refunds.c.user_id).where(refunds.c.provider_ref == ref).limit(1))
    return None if row is None else int(row[0])
