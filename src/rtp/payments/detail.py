"""The page of one payment: its card, lines and refunds. Refunds build on payments; only this page looks back."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.payments import methods, service
from rtp.payments.schemas import PaymentDetail, RefundLine
from rtp.refunds import service as refunds


async def show(frame: Frame, key: str) -> PaymentDetail:
    """A payment with its card, lines and refunds.

    Raises: PaymentNotFound.
    """
    payment = await service.find(frame, key)
    method = await methods.show(frame, payment.method_id)
    sold = await service.lines(frame, payment)
    given_back = [
        RefundLine(id=item.id, amount=item.amount, state=item.state, reason=item.reason, created_at=item.created_at)
        for item in await refunds.of_payment(frame, payment.id)
    ]
    fields = {name: getattr(payment, name) for name in payment.__struct_fields__}
    return PaymentDetail(
        **fields, card_brand=method.brand, card_last_four=method.last_four, lines=sold, refunds=given_back
    )
