"""Every query on the lines of payments, but for what refunds and disputes take of them with their payment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Uuid, bindparam, select

from rtp.db import bulk
from rtp.db.frame import Frame
from rtp.db.prepared import Prepared
from rtp.kit.money import Money
from rtp.payments.model import payment_lines, payments
from rtp.payments.schemas import ChargeLine, SoldLine

_COLUMNS = (
    *(payment_lines.c[name] for name in ("position", "product", "price", "description", "quantity", "net")),
    *(payment_lines.c[name] for name in ("quantity_held", "net_held", "tax_held", "net_lost", "tax_lost")),
    payment_lines.c.tax.label("line_tax"),
)
_OF_PAYMENT = Prepared(
    select(*_COLUMNS)
    .where(payment_lines.c.payment_id == select(bindparam("payment_id", type_=Uuid)).scalar_subquery())
    .order_by(payment_lines.c.position)
)
_LOCKED = Prepared(
    select(payments, *_COLUMNS)
    .join(payment_lines, payment_lines.c.payment_id == payments.c.id)
    .where(payments.c.id == select(bindparam("payment_id", type_=Uuid)).scalar_subquery())
    .order_by(payment_lines.c.position)
    .with_for_update(of=[payments, payment_lines])
)
"""Where a statement has waited for a lock, it sees what it locked as it is now, and all else as it was: so both are."""


def rows_of(frame: Frame, user_id: int, payment_id: UUID, lines: Sequence[ChargeLine]) -> list[dict[str, Any]]:
    """The rows of a payment's lines, in their order."""
    return [
        {
            "id": frame.ids.uuid(user_id),
            "user_id": user_id,
            "payment_id": payment_id,
            "position": position,
            "product": line.product,
            "price": line.price,
            "description": line.description,
            "quantity": line.quantity,
            "net": line.net.amount,
            "tax": line.taxed.amount,
            "quantity_held": 0,
            "net_held": 0,
            "tax_held": 0,
            "net_lost": 0,
            "tax_lost": 0,
        }
        for position, line in enumerate(lines, start=1)
    ]


async def add(frame: Frame, rows: Sequence[dict[str, Any]]) -> None:
    """Insert lines of payments."""
    await bulk.append_rows(frame, payment_lines, rows)


async def of_payment(frame: Frame, payment_id: UUID, currency: str) -> list[SoldLine]:
    """The lines of a payment, in their order."""
    return [_to_line(row, currency) for row in await frame.all(_OF_PAYMENT, {"payment_id": payment_id})]


async def locked(frame: Frame, payment_id: UUID) -> tuple[Row[Any], list[SoldLine]] | None:
    """The row of a payment and its lines, all held for this transaction; None of one that has none, or is not there."""
    rows = await frame.all(_LOCKED, {"payment_id": payment_id})
    return (rows[0], [_to_line(row, rows[0].currency) for row in rows]) if rows else None


async def of_payments(frame: Frame, currencies: Mapping[UUID, str]) -> dict[UUID, list[SoldLine]]:
    """The lines of many payments, given with their currencies; each payment's in their order."""
    query = select(payment_lines.c.payment_id, *_COLUMNS).where(payment_lines.c.payment_id.in_(list(currencies)))
    found: dict[UUID, list[SoldLine]] = {payment_id: [] for payment_id in currencies}
    for row in await frame.all(query.order_by(payment_lines.c.payment_id, payment_lines.c.position)):
        found[row.payment_id].append(_to_line(row, currencies[row.payment_id]))
    return found


def _to_line(row: Row[Any], currency: str) -> SoldLine:
    return SoldLine(
        position=row.position,
        product=row.product,
        price=row.price,
        description=row.description,
        quantity=row.quantity,
        net=Money(row.net, currency),
        tax=Money(row.line_tax, currency),
        quantity_held=row.quantity_held,
        net_held=Money(row.net_held, currency),
        tax_held=Money(row.tax_held, currency),
        net_lost=Money(row.net_lost, currency),
        tax_lost=Money(row.tax_lost, currency),
    )
