"""Every query on payments and payment methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, text

from rtp.db import bulk
from rtp.db.closing import Writing
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.rows import change_row, find_row
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.payments import policy
from rtp.payments.model import payment_methods, payments
from rtp.payments.schemas import LinePart, Payment, PaymentMethod, PaymentState

_HOLD = Writing(
    """
    UPDATE payments p SET refunds_held = p.refunds_held + v.amount, version = p.version + 1
    FROM {rows} AS v(payment_id uuid, amount bigint)
    WHERE p.id = v.payment_id AND p.id = ANY (ARRAY(SELECT (one ->> 'payment_id')::uuid FROM {each} AS one))
    """
)
_HOLD_LINE = Writing(
    """
    UPDATE payment_lines l SET quantity_held = l.quantity_held + v.quantity, net_held = l.net_held + v.net,
        tax_held = l.tax_held + v.tax
    FROM {rows} AS v(payment_id uuid, position integer, quantity integer, net bigint, tax bigint)
    WHERE l.payment_id = v.payment_id AND l.position = v.position
        AND l.payment_id = ANY (ARRAY(SELECT (one ->> 'payment_id')::uuid FROM {each} AS one))
    """
)
_LOSE = text(
    """
    UPDATE payment_lines l SET net_lost = l.net_lost + v.net, tax_lost = l.tax_lost + v.tax
    FROM unnest(CAST(:positions AS integer[]), CAST(:nets AS bigint[]), CAST(:taxes AS bigint[]))
        AS v(position, net, tax)
    WHERE l.payment_id = :payment_id AND l.position = v.position
    """
)


def to_payment(row: Row[Any]) -> Payment:
    """A row as the struct that leaves the repository."""
    captured, held = Money(row.captured, row.currency), Money(row.refunds_held, row.currency)
    return Payment(
        id=ids.show("pay", row.id),
        user_id=ids.show_user(row.user_id),
        method_id=ids.show("pm", row.method_id),
        amount=Money(row.amount, row.currency),
        captured=captured,
        refunded=held,
        refundable=policy.refundable(captured, held, Money(row.disputes_lost, row.currency)),
        state=row.state,
        purpose=row.purpose,
        source=row.source,
        provider=row.provider,
        provider_ref=row.provider_ref,
        failure_reason=row.failure_reason,
        version=row.version,
        created_at=row.created_at,
        settled_at=row.settled_at,
        tax=Money(row.tax, row.currency),
        disputed=row.disputes_open > 0,
    )


def _to_method(row: Row[Any]) -> PaymentMethod:
    return PaymentMethod(
        id=ids.show("pm", row.id),
        user_id=ids.show_user(row.user_id),
        provider=row.provider,
        card=row.card,
        brand=row.brand,
        last_four=row.last_four,
        state=row.state,
        failure_reason=row.failure_reason,
        version=row.version,
        created_at=row.created_at,
    )


async def find(frame: Frame, payment_id: UUID, *, lock: bool = False) -> Payment | None:
    """The payment with this id; with `lock`, held for this transaction."""
    row = await find_row(frame, payments, payment_id, lock=lock)
    return None if row is None else to_payment(row)


async def by_ids(frame: Frame, payment_ids: list[UUID]) -> dict[UUID, Payment]:
    """The payments with these ids, as far as they are there."""
    query = select(payments).where(payments.c.id.in_(payment_ids))
    return {row.id: to_payment(row) for row in await frame.all(query)}


async def add(
    frame: Frame, user_id: int, method_id: UUID, *, amount: Money, tax: Money, purpose: str, source: str, provider: str
) -> Payment:
    """Insert a payment that was not yet sent."""
    values = {
        "id": frame.ids.uuid(user_id),
        "user_id": user_id,
        "method_id": method_id,
        "amount": amount.amount,
        "currency": amount.currency,
        "tax": tax.amount,
        "state": "created",
        "purpose": purpose,
        "source": source,
        "provider": provider,
        "version": 1,
        "created_at": frame.now,
    }
    return to_payment((await frame.execute(insert(payments).values(values).returning(payments))).one())


async def hold(frame: Frame, payment_id: UUID, parts: Sequence[LinePart]) -> None:
    """Add to what refunds hold of a payment and its lines; negative parts give back.

    The rows' CHECKs keep the cap of the payment and of each line.
    """
    await frame.flush()  # an update takes one row for each that it changes
    frame.write(_HOLD, payment_id=payment_id, amount=sum(part.net + part.tax for part in parts))
    for part in parts:
        frame.write(
            _HOLD_LINE, payment_id=payment_id, position=part.position, quantity=part.quantity, net=part.net,
            tax=part.tax,
        )  # fmt: skip


async def lost(frame: Frame, payment_id: UUID) -> int:
    """What lost disputes took of a payment, in minor units."""
    row = await frame.first(select(payments.c.disputes_lost).where(payments.c.id == payment_id))
    return 0 if row is None else int(row[0])


async def lose(frame: Frame, payment_id: UUID, parts: Sequence[LinePart]) -> None:
    """Add to what lost disputes took of a payment's lines, under the same CHECKs."""
    given = {"payment_id": payment_id, "positions": [part.position for part in parts]}
    await frame.execute(_LOSE, given | {"nets": [part.net for part in parts], "taxes": [part.tax for part in parts]})


async def newest(frame: Frame, user_id: int, limit: int) -> list[Payment]:
    """The newest of a member."""
    query = select(payments).where(payments.c.user_id == user_id).order_by(payments.c.id.desc()).limit(limit)
    return [to_payment(row) for row in await frame.all(query)]


async def change(frame: Frame, payment_id: UUID, **values: Any) -> Payment:
    """Change columns and take the next version."""
    return to_payment(await change_row(frame, payments, payment_id, **values))


async def page(frame: Frame, page: PageRequest, *, user_id: int | None, state: PaymentState | None) -> Page[Payment]:
    """One page of payments."""
    query = matching(select(payments), (payments.c.user_id, user_id), (payments.c.state, state))
    return await page_of(frame, page, query, key=payments.c.id, time=payments.c.created_at, build=to_payment)


async def failures(frame: Frame) -> list[tuple[str, str, int]]:
    """(reason, provider, count) of failed payments."""
    reason, provider = payments.c.failure_reason, payments.c.provider
    query = select(reason, provider, func.count().label("failed")).where(payments.c.state == "failed")
    rows = await frame.all(query.group_by(reason, provider))
    return [(row.failure_reason, row.provider, row.failed) for row in rows]


async def user_of_provider_ref(frame: Frame, ref: str) -> int | None:
    """The member behind a provider's reference of a charge."""
    row = await frame.first(select(payments.c.user_id).where(payments.c.provider_ref == ref).limit(1))
    return None if row is None else int(row[0])


async def find_method(frame: Frame, method_id: UUID, *, lock: bool = False) -> PaymentMethod | None:
    """The payment method with this id."""
    row = await find_row(frame, payment_methods, method_id, lock=lock)
    return None if row is None else _to_method(row)


async def provider_ref_of(frame: Frame, method_id: UUID) -> str | None:
    """The provider's reference of a card, None until it was taken."""
    row = await frame.first(select(payment_methods.c.provider_ref).where(payment_methods.c.id == method_id))
    return None if row is None else row[0]


async def method_of_card(frame: Frame, user_id: int, card: str) -> PaymentMethod | None:
    """The member's usable method with this card, if there is one."""
    query = select(payment_methods).where(
        payment_methods.c.user_id == user_id,
        payment_methods.c.card == card,
        payment_methods.c.state.in_(("pending", "active")),
    )
    row = await frame.first(query.order_by(payment_methods.c.id.desc()).limit(1))
    return None if row is None else _to_method(row)


async def add_method(frame: Frame, user_id: int, *, card: str, provider: str) -> PaymentMethod:
    """Insert a card that the provider has not yet taken."""
    values = {
        "id": frame.ids.uuid(user_id),
        "user_id": user_id,
        "provider": provider,
        "card": card,
        "state": "pending",
        "version": 1,
        "created_at": frame.now,
    }
    return _to_method((await frame.execute(insert(payment_methods).values(values).returning(payment_methods))).one())


async def add_many(frame: Frame, rows: Sequence[dict[str, Any]]) -> list[Payment]:
    """Insert payments that were not yet sent."""
    common = {"state": "created", "version": 1, "created_at": frame.now}
    return [to_payment(row) for row in await bulk.insert_rows(frame, payments, [row | common for row in rows])]


async def methods_of_cards(frame: Frame, cards: Sequence[tuple[int, str]]) -> dict[tuple[int, str], PaymentMethod]:
    """Usable methods by (member, card), the newest of each."""
    wanted = "(user_id, card) IN (SELECT * FROM unnest(CAST(:users AS bigint[]), CAST(:cards AS text[])))"
    given = text(wanted).bindparams(users=[user_id for user_id, _ in cards], cards=[card for _, card in cards])
    query = select(payment_methods).where(given, payment_methods.c.state.in_(("pending", "active")))
    rows = await frame.all(query.order_by(payment_methods.c.id))
    return {(row.user_id, row.card): _to_method(row) for row in rows}


async def add_methods(frame: Frame, cards: Sequence[tuple[int, str]], provider: str) -> list[PaymentMethod]:
    """Insert cards of members that the provider has not yet taken."""
    rows = [
        {"id": frame.ids.uuid(user_id), "user_id": user_id, "card": card, "provider": provider}
        | {"state": "pending", "version": 1, "created_at": frame.now}
        for user_id, card in cards
    ]
    return [_to_method(row) for row in await bulk.insert_rows(frame, payment_methods, rows)]


async def change_method(frame: Frame, method_id: UUID, **values: Any) -> PaymentMethod:
    """Change columns and take the next version."""
    return _to_method(await change_row(frame, payment_methods, method_id, **values))


async def methods_page(frame: Frame, page: PageRequest, user_id: int) -> Page[PaymentMethod]:
    """One page of a member's cards."""
    return await page_of(
        frame,
        page,
        select(payment_methods).where(payment_methods.c.user_id == user_id, payment_methods.c.state != "removed"),
        key=payment_methods.c.id,
        time=payment_methods.c.created_at,
        build=_to_method,
    )
