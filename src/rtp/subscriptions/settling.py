"""What a subscription makes of a settled payment."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.payments import service as payments
from rtp.payments.schemas import Payment
from rtp.subscriptions import moves, policy
from rtp.subscriptions.repository import Held


async def payment_settled(frame: Frame, key: str) -> Held | None:
    """Take in the result of a subscription's charge; None when it was taken in before, so it may be told twice.

    Raises: PaymentNotFound, SubscriptionNotFound.
    """
    payment = await payments.find(frame, key)
    held = await moves.lock(frame, payment.source)
    if held.payment_id != payment.id or held.payment_state != "pending":
        return None
    return await settle(frame, held, payment)


async def settle(frame: Frame, held: Held, payment: Payment) -> Held | None:
    """Move a locked subscription whose charge has a result; None while it has none."""
    if payment.state == "failed":
        return await moves.not_paid(frame, held, payment.failure_reason, due=held.payment_cause == "due")
    if payment.state != "succeeded":
        return None
    if (held.status, "paid") not in policy.MOVES:
        # Nothing opens again by itself; the invariant "paid for nothing" and the morning page name the payment until it
        # goes back.
        if held.status == "paused":
            return await moves.change(frame, held, "paid_while_paused", payment_state="succeeded")
        return await moves.change(frame, held, "paid_after_end", payment_state="succeeded")
    return await moves.paid(frame, held)
