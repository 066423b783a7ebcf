"""Use cases of refunds: reserve the amount and queue the provider call; nothing here calls a provider."""

from __future__ import annotations

from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import movements
from rtp.operations import Page
from rtp.payments import methods
from rtp.payments import service as payments
from rtp.payments.schemas import Payment
from rtp.refunds import policy, repository
from rtp.refunds.errors import (
    NothingToRefund,
    RefundCurrencyDiffers,
    RefundExceedsCaptured,
    RefundNotFound,
    RefundRepeated,
)
from rtp.refunds.schemas import IssueRefund, Refund, RefundPreview, RefundState
from rtp.users import service as users


async def issue(frame: Frame, payment_key: str, request: IssueRefund) -> Refund:
    """Reserve the amount and queue the provider call.

    Raises: PaymentNotFound, NothingToRefund, RefundCurrencyDiffers, RefundRepeated, RefundExceedsCaptured.
    """
    payment = await payments.lock(frame, payment_key)
    payment_id, user_id = payments.id_of(payment.id), ids.parse_user(payment.user_id)
    earlier = await repository.of_payment(frame, payment_id)
    amount = _allowed(frame, payment, earlier, request)
    await payments.hold_refund(frame, payment, amount)
    refund = await repository.add(frame, user_id, payment_id, amount, request.reason)
    await movements.refund_reserved(frame, refund, tax=Money.zero(amount.currency))
    frame.record("refund.created", refund.id, refund.version, user_id=user_id, after=refund, reason=request.reason)
    frame.enqueue("refunds.submit", queue=payments.QUEUE, lock=refund.id, refund=refund.id)
    return refund


async def preview(frame: Frame, payment_key: str, amount: int | None = None) -> RefundPreview:
    """What a refund would do, without doing it.

    Raises: PaymentNotFound.
    """
    payment = await payments.find(frame, payment_key)
    card = await methods.show(frame, payment.method_id)
    user = await users.resolve(frame, payment.user_id)
    asked = payment.refundable if amount is None else Money(amount, payment.amount.currency)
    refusal = ""
    if payment.state != "succeeded":
        refusal = f"the payment is {payment.state}"
    elif asked > payment.refundable or not asked:
        refusal = f"{asked} is more than what is left: {payment.refundable}" if asked else "nothing is left"
    left = payment.refundable - asked
    return RefundPreview(
        payment_id=payment.id,
        user_id=user.id,
        email=user.email,
        purpose=payment.purpose,
        card_brand=card.brand,
        card_last_four=card.last_four,
        captured=payment.captured,
        refunded=payment.refunded,
        refundable=payment.refundable,
        amount=asked,
        left=left if left.amount > 0 else Money.zero(left.currency),
        allowed=not refusal,
        refusal=refusal,
    )


async def show(frame: Frame, key: str) -> Refund:
    """A refund.

    Raises: RefundNotFound.
    """
    return await find(frame, key)


async def of_payment(frame: Frame, payment_key: str) -> list[Refund]:
    """All refunds of a payment, oldest first."""
    return await repository.of_payment(frame, payments.id_of(payment_key))


async def owner(frame: Frame, key: str) -> int | None:
    """The member whose it is, or None.

    Raises: WrongId.
    """
    found = await repository.find(frame, ids.parse("rfd", key))
    return None if found is None else ids.parse_user(found.user_id)


async def user_of_provider_ref(frame: Frame, ref: str) -> int | None:
    """The member behind a reference of the provider."""
    return await repository.user_of_provider_ref(frame, ref)


async def newest(frame: Frame, user_id: int, limit: int) -> list[Refund]:
    """The newest refunds of a member."""
    return await repository.newest(frame, user_id, limit)


async def page(frame: Frame, page: PageRequest, *, user: str = "", state: RefundState | None = None) -> Page[Refund]:
    """One page of refunds.

    Raises: UserNotFound.
    """
    user_id = ids.parse_user((await users.resolve(frame, user)).id) if user else None
    return await repository.page(frame, page, user_id=user_id, state=state)


async def find(frame: Frame, key: str, *, lock: bool = False) -> Refund:
    """The refund; with `lock`, held for this transaction.

    Raises: RefundNotFound.
    """
    refund = await repository.find(frame, id_of(key), lock=lock)
    if refund is None:
        raise RefundNotFound(key=key)
    return refund


def id_of(key: str) -> UUID:
    """The refund id behind a text.

    Raises: RefundNotFound.
    """
    try:
        return ids.parse("rfd", key)
    except ids.WrongId as error:
        raise RefundNotFound(key=key) from error


def _allowed(frame: Frame, payment: Payment, earlier: list[Refund], request: IssueRefund) -> Money:
    """The amount to refund, if the rules allow it."""
    currency = payment.amount.currency
    if payment.state != "succeeded":
        raise NothingToRefund(payment=payment.id, state=payment.state)
    if request.currency not in {None, currency}:
        raise RefundCurrencyDiffers(payment=payment.id, currency=currency, asked=request.currency)
    lost = payment.captured - payment.refunded - payment.refundable
    left = payments.refundable(payment.captured, policy.held(earlier, currency), max(lost, Money.zero(currency)))
    amount = left if request.amount is None else Money(request.amount, currency)
    if not request.again:
        _refuse_repeat(frame, payment, earlier, amount)
    if not amount or amount > left:
        raise RefundExceedsCaptured(asked=amount, left=left, payment=payment.id)
    return amount


def _refuse_repeat(frame: Frame, payment: Payment, earlier: list[Refund], amount: Money) -> None:
    for refund in reversed(earlier):
        age = frame.now - refund.created_at
        mine = refund.issued_by == frame.principal.id and refund.state in policy.HOLDING
        if mine and refund.amount == amount and age < policy.REPEAT_WINDOW:
            raise RefundRepeated(
                amount=amount, payment=payment.id, first=refund.id, seconds=max(0, int(age.total_seconds()))
            )
