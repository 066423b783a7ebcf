"""A refund that was made at the provider without us is taken in as paid: with its lines, its tax, and in the books."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.ledger import movements
from rtp.payments import service as payments
from rtp.payments.ports import ProviderRefund
from rtp.payments.schemas import Payment
from rtp.refunds import repository, service, settling
from rtp.refunds.errors import NothingToRefund
from rtp.refunds.schemas import PreviewRefund, Refund


async def known(frame: Frame, provider_key: str) -> Refund | None:
    """The refund that was taken in and that its provider knows by this key."""
    return await repository.of_provider_key(frame, provider_key)


async def take_in(frame: Frame, payment_key: str, told: ProviderRefund) -> Refund:
    """Keep a refund that the provider has paid, once: the money is gone, so neither policy nor dispute refuses it.

    Nobody of ours issued it, so it counts for nobody's limit but the member's. Raises: PaymentNotFound,
    NothingToRefund, RefundCurrencyDiffers, RefundExceedsCaptured.
    """
    payment, lines = await payments.lock_with_lines(frame, payment_key)
    if (earlier := await known(frame, told.key)) is not None:
        return earlier
    if payment.state != "succeeded":
        raise NothingToRefund(payment=payment.id, state=payment.state)
    asked = PreviewRefund(amount=told.amount.amount, currency=told.amount.currency)
    parts, amount = service.taken(payment, lines, asked)
    await payments.hold_refund(frame, payment, parts)
    values = {
        "tax": sum(part.tax for part in parts),
        "state": "submitted",
        "reason": "other",
        "note": f"made at the provider: {told.reason}" if told.reason else "made at the provider",
        "issued_by": issuer(payment),
        "provider_key": told.key,
    }
    user_id = ids.parse_user(payment.user_id)
    refund = repository.add(frame, user_id, payments.id_of(payment.id), amount, values)
    repository.add_lines(frame, user_id, payments.id_of(payment.id), service.id_of(refund.id), parts)
    await movements.refund_reserved(frame, refund, tax=refund.tax, fresh=True)
    frame.record("refund.taken_in", refund.id, refund.version, user_id=user_id, after=refund)
    return await settling.settle(frame, refund.id, told)


def issuer(payment: Payment) -> str:
    """Who issued what was made at the provider; nobody signs in by this name."""
    return f"provider:{payment.provider}"
