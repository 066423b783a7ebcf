"""Every query on refunds and their lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from rtp.db.closing import Writing
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.prepared import Prepared
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.payments.schemas import LinePart
from rtp.refunds.model import refund_lines, refunds
from rtp.refunds.schemas import Refund, RefundState

_OF_PAYMENT = Prepared(select(refunds).where(refunds.c.payment_id == bindparam("payment_id")).order_by(refunds.c.id))
_ADD_LINE = Writing(
    """
    INSERT INTO refund_lines (id, user_id, refund_id, payment_line_id, position, quantity, net, tax)
    SELECT v.id, v.user_id, v.refund_id, l.id, v.position, v.quantity, v.net, v.tax
    FROM {rows} AS v(id uuid, user_id bigint, payment_id uuid, refund_id uuid, position integer, quantity integer,
        net bigint, tax bigint)
    JOIN payment_lines l ON l.payment_id = v.payment_id AND l.position = v.position
        AND l.payment_id = ANY (ARRAY(SELECT (one ->> 'payment_id')::uuid FROM {each} AS one))
    """
)
_UNTOLD = {
    "tax": 0,
    "note": "",
    "ticket": "",
    "approval_needed": False,
    "held_because": "",
    "approved_by": None,
    "decided_at": None,
    "expires_at": None,
    "retry_of": None,
    "cancel_subscription": "no",
    "revoke_access": False,
    "policy_version": 0,
    "provider_ref": None,
    "failure_reason": "",
    "settled_at": None,
}
"""What the database puts where a new refund says nothing."""
_SAME = (
    "state reason note ticket issued_by approval_needed held_because approved_by decided_at expires_at "
    "cancel_subscription revoke_access policy_version provider_ref failure_reason version created_at settled_at"
).split()


def to_refund(row: Any) -> Refund:
    """A row as the struct that leaves the repository."""
    return Refund(
        id=ids.show("rfd", row.id),
        user_id=ids.show_user(row.user_id),
        payment_id=ids.show("pay", row.payment_id),
        amount=Money(row.amount, row.currency),
        tax=Money(row.tax, row.currency),
        retry_of=None if row.retry_of is None else ids.show("rfd", row.retry_of),
        **{name: getattr(row, name) for name in _SAME},
    )


async def find(frame: Frame, refund_id: UUID, *, lock: bool = False) -> Refund | None:
    """The refund with this id; with `lock`, held for this transaction."""
    query = select(refunds).where(refunds.c.id == refund_id)
    row = await frame.first(query.with_for_update() if lock else query)
    return None if row is None else to_refund(row)


async def of_payment(frame: Frame, payment_id: UUID) -> list[Refund]:
    """All refunds of a payment, oldest first."""
    return [to_refund(row) for row in await frame.all(_OF_PAYMENT, {"payment_id": payment_id})]


async def retried(frame: Frame, refund_id: UUID, states: Sequence[RefundState]) -> Refund | None:
    """The refund in one of these states that was issued anew for another."""
    row = await frame.first(select(refunds).where(refunds.c.retry_of == refund_id, refunds.c.state.in_(states)))
    return None if row is None else to_refund(row)


async def of_provider_key(frame: Frame, key: str) -> Refund | None:
    """The refund that was made at the provider, by the key that it has there."""
    row = await frame.first(select(refunds).where(refunds.c.provider_key == key))
    return None if row is None else to_refund(row)


def add(frame: Frame, user_id: int, payment_id: UUID, amount: Money, values: Mapping[str, Any]) -> Refund:
    """Insert a refund."""
    row = {
        "id": frame.ids.uuid(user_id),
        "user_id": user_id,
        "payment_id": payment_id,
        "amount": amount.amount,
        "currency": amount.currency,
        "version": 1,
        "created_at": frame.now,
        **values,
    }
    frame.add("refunds", **row)
    return to_refund(SimpleNamespace(**_UNTOLD | row))


def add_lines(frame: Frame, user_id: int, payment_id: UUID, refund_id: UUID, parts: Sequence[LinePart]) -> None:
    """Insert what a refund takes of each line of its payment."""
    for part in parts:
        frame.write(
            _ADD_LINE,
            id=frame.ids.uuid(user_id),
            user_id=user_id,
            payment_id=payment_id,
            refund_id=refund_id,
            position=part.position,
            quantity=part.quantity,
            net=part.net,
            tax=part.tax,
        )


async def parts_of(frame: Frame, refund_id: UUID) -> list[LinePart]:
    """What a refund takes of each line."""
    query = select(refund_lines).where(refund_lines.c.refund_id == refund_id).order_by(refund_lines.c.position)
    return [
        LinePart(position=row.position, net=row.net, tax=row.tax, quantity=row.quantity)
        for row in await frame.all(query)
    ]


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
    query = matching(select(refunds), (refunds.c.user_id, user_id), (refunds.c.state, state))
    return await page_of(frame, page, query, key=refunds.c.id, time=refunds.c.created_at, build=to_refund)


async def counts(frame: Frame, states: Sequence[RefundState]) -> dict[str, int]:
    """How many refunds each of these states has; an index holds them apart from all others."""
    query = select(refunds.c.state, func.count().label("number")).where(refunds.c.state.in_(states))
    found = {row.state: int(row.number) for row in await frame.all(query.group_by(refunds.c.state))}
    return {state: found.get(state, 0) for state in states}


async def user_of_provider_ref(frame: Frame, ref: str) -> int | None:
    """The member behind a provider's reference of a refund."""
    row = await frame.first(select(refunds.c.user_id).where(refunds.c.provider_ref == ref).limit(1))
    return None if row is None else int(row[0])
