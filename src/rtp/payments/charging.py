"""Cards and charges of many members at once, set-wise: what `methods.use` and `service.charge` do for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.payments import lines_repository, policy, repository
from rtp.payments.schemas import ChargeLine, Payment, PaymentMethod
from rtp.payments.service import QUEUE

MemberCard = tuple[int, str]
"""(member, card as the provider names it)."""


class Asked(Struct, frozen=True, kw_only=True):
    """One charge: the id that its payment will have, the card, the amount, and what it pays for, line by line."""

    payment_id: UUID
    method: PaymentMethod
    amount: Money
    purpose: str
    source: str
    lines: tuple[ChargeLine, ...] = ()


async def use_many(frame: Frame, cards: Iterable[MemberCard]) -> dict[MemberCard, PaymentMethod]:
    """The members' methods with these cards, added where they are new."""
    wanted = dict.fromkeys(cards)
    found = await repository.methods_of_cards(frame, list(wanted)) if wanted else {}
    if fresh := [one for one in wanted if one not in found]:
        for method in await repository.add_methods(frame, fresh, frame.premises.provider):
            user_id = ids.parse_user(method.user_id)
            found[user_id, method.card] = method
            frame.record("payment_method.added", method.id, method.version, user_id=user_id, after=method)
    return found


async def charge_many(frame: Frame, asked: Sequence[Asked]) -> list[Payment]:
    """Ask for money of many cards; each payment has a job of its own."""
    sold = [policy.lines(one.amount, one.purpose, one.lines) for one in asked]
    rows: list[dict[str, Any]] = [
        {
            "id": one.payment_id,
            "user_id": ids.parse_user(one.method.user_id),
            "method_id": ids.parse("pm", one.method.id),
            "amount": one.amount.amount,
            "currency": one.amount.currency,
            "tax": sum(line.taxed.amount for line in lines),
            "purpose": one.purpose,
            "source": one.source,
            "provider": one.method.provider,
        }
        for one, lines in zip(asked, sold, strict=True)
    ]
    payments = await repository.add_many(frame, rows) if rows else []
    if rows:
        many = zip(rows, sold, strict=True)
        parts = [
            part for row, lines in many for part in lines_repository.rows_of(frame, row["user_id"], row["id"], lines)
        ]
        await lines_repository.add(frame, parts)
    for payment in payments:
        user_id = ids.parse_user(payment.user_id)
        frame.record("payment.created", payment.id, payment.version, user_id=user_id, after=payment)
        frame.enqueue("payments.submit", queue=QUEUE, lock=payment.id, payment=payment.id)
    return payments
