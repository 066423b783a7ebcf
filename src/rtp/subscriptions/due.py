"""What happens to a subscription when its time has come: charged, tried again, ended."""

from __future__ import annotations

from uuid import UUID

from rtp.db.frame import Frame
from rtp.payments import service as payments
from rtp.payments.schemas import PaymentMethod
from rtp.subscriptions import cards, moves, policy, repository, settling
from rtp.subscriptions.policy import Due
from rtp.subscriptions.repository import Held
from rtp.subscriptions.service import purpose, sold

NO_CARD = "no_card"


async def advance(frame: Frame, subscription_id: UUID) -> Held | None:
    """Do what is due for one subscription; None when nothing was, so it may be asked twice."""
    held = await repository.find(frame, subscription_id, lock=True)
    if held is None or held.due_at is None or held.due_at > frame.now:
        return None
    method = await cards.usable(frame, held.payment_method_id)
    step = policy.step(_asked(frame, held, method))
    if step == "charge":
        assert method is not None, "only what has a card is charged"
        return await _charge(frame, held, method)
    if step == "wait":
        return await _wait(frame, held)
    if step == "decline":
        return await moves.not_paid(frame, held, NO_CARD, due=True)
    return await _end(frame, held, step)


def _asked(frame: Frame, held: Held, method: PaymentMethod | None) -> Due:
    return Due(
        status=held.status,
        charging=held.payment_state == "pending",
        ending=held.cancel_at_period_end,
        with_card=method is not None,
        grace_over=held.grace_until is not None and held.grace_until <= frame.now,
        failures=held.failures,
        failure=held.payment_failure,
    )


async def _charge(frame: Frame, held: Held, method: PaymentMethod) -> Held:
    number = held.boundary + 1
    payment = await payments.charge(
        frame, method, amount=held.amount, purpose=purpose(held.price, number), source=held.id,
        lines=sold(held.product, held.price, held.amount, number),
    )  # fmt: skip
    again = frame.now + policy.LOOK_AGAIN
    return await moves.change(frame, held, "charged", due_at=again, **moves.charged(payment, "due"))


async def _wait(frame: Frame, held: Held) -> Held | None:
    if held.payment_state == "pending" and held.payment_id is not None:
        settled = await settling.settle(frame, held, await payments.find(frame, held.payment_id))
        if settled is not None:
            return settled
    later = frame.now + policy.LOOK_AGAIN
    if held.status == "past_due" and held.payment_state != "pending" and held.grace_until is not None:
        later = max(held.grace_until, frame.now)
    await repository.postpone(frame, held.uuid, later)
    return None


async def _end(frame: Frame, held: Held, step: policy.Ending) -> Held:
    status = policy.moved(held.id, held.status, step)
    if step == "end_grace":
        return await moves.change(frame, held, "unpaid", status=status, due_at=None)
    if step == "end_trial":
        return await moves.change(frame, held, "paused", status=status, paused_at=held.period_end, due_at=None)
    name = "canceled" if step == "cancel" else "expired"
    return await moves.change(
        frame, held, name, status=status, ended_at=frame.now, due_at=None, cancel_at_period_end=False
    )
