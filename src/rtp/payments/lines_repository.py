"""Every query on the lines of payments, but for what refunds and disputes take of them with their payment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select

from rtp.db import bulk
from rtp.db.frame import Frame
from rtp.db.prepared import Prepared
from rtp.kit.money import Money
from rtp.payments.model import payment_lines
from rtp.payments.schemas import ChargeLine, SoldLine

_OF_PAYMENT = Prepared(
    select(payment_lines)
    .where(payment_lines.c.payment_id == bindparam("payment_id"))
    .order_by(payment_lines.c.position)
)


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


async def of_payments(frame: Frame, currencies: Mapping[UUID, str]) -> dict[UUID, list[SoldLine]]:
    """The lines of many payments, given with their currencies; each payment's in their order."""
    query = select(payment_lines).where(payment_lines.c.payment_id.in_(list(currencies)))
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
        tax=Money(row.tax, currency),
        quantity_held=row.quantity_held,
        net_held=Money(row.net_held, currency),
        tax_held=Money(row.tax_held, currency),
        net_lost=Money(row.net_lost, currency),
        tax_lost=Money(row.tax_lost, currency),
    )
