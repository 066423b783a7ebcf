"""Taking in what the provider says of a refund; each answer has its effect once, however often it comes."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import movements
from rtp.payments import service as payments
from rtp.payments.ports import ProviderRefund
from rtp.payments.schemas import Payment
from rtp.refunds import policy, repository
from rtp.refunds.schemas import Refund
from rtp.refunds.service import find, id_of

_PAST = {
    "approve": "approved", "reject": "rejected", "expire": "expired", "submit": "submitted", "cancel": "canceled",
    "pend": "pending", "succeed": "succeeded", "fail": "failed", "come_back": "failed", "lose": "unknown",
}  # fmt: skip


async def submit(frame: Frame, key: str, *, known: bool = False) -> Refund | None:
    """Note that the provider is about to be asked; None when there is nothing left to ask.

    A dispute that came while the refund waited ends it, open or lost: the card's bank took the money, so both would
    return it. What the provider is `known` to have made was sent, whatever came since.
    """
    refund = await find(frame, key, lock=True)
    if refund.state != "created":
        return refund if refund.state == "submitted" else None
    payment = await payments.find(frame, refund.payment_id)
    if known or not (payment.disputed or await gone(frame, payment)):
        return await move(frame, refund, "submit")
    after = await move(frame, refund, "cancel", failure_reason="charge_disputed", settled_at=frame.now)
    await release(frame, after)
    return None


async def gone(frame: Frame, payment: Payment) -> Money:
    """What lost disputes took of a payment though refunds hold it."""
    nothing = Money.zero(payment.captured.currency)
    if payment.refundable:
        return nothing
    return max(nothing, payment.refunded + await payments.lost(frame, payment) - payment.captured)


async def settle(frame: Frame, key: str, outcome: ProviderRefund) -> Refund:
    """Take in the provider's answer; a second answer changes nothing."""
    refund = await find(frame, key, lock=True)
    if refund.state in policy.SETTLED:
        return refund
    if outcome.state == "pending":
        return await _pend(frame, refund, outcome)
    if outcome.state == "failed":
        return await fail(frame, refund, outcome.failure_reason, provider_ref=outcome.ref)
    if not await frame.once(f"{refund.id}:succeeded"):
        return refund
    after = await move(frame, refund, "succeed", provider_ref=outcome.ref, failure_reason="", settled_at=frame.now)
    payment = await payments.lock(frame, refund.payment_id)
    await movements.refund_paid(frame, refund, provider=payment.provider)
    return after


async def fail(frame: Frame, refund: Refund, reason: str, *, provider_ref: str | None = None) -> Refund:
    """Note that no money went back: the amount is free again, and the reservation is mirrored in the ledger."""
    after = await move(frame, refund, "fail", provider_ref=provider_ref, failure_reason=reason, settled_at=frame.now)
    await release(frame, after)
    return after


async def come_back(frame: Frame, key: str, asked: ProviderRefund) -> Refund:
    """Note that a refund failed after it had succeeded: the provider has the money again, and the amount is free.

    `asked` is what the provider said of it when it was asked, never what it told by itself; a second time changes
    nothing. Docs: docs.stripe.com/refunds, "Failed refunds".
    """
    refund = await find(frame, key, lock=True)
    if refund.state != "succeeded" or asked.state != "failed":
        return refund
    after = await move(frame, refund, "come_back", failure_reason=asked.failure_reason, settled_at=frame.now)
    await release(frame, after)
    return after


async def release(frame: Frame, refund: Refund) -> None:
    """Give back what a refund held of its payment and lines, and mirror its reservation in the ledger."""
    payment = await payments.lock(frame, refund.payment_id)
    parts = await repository.parts_of(frame, id_of(refund.id))
    await payments.hold_refund(frame, payment, [-part for part in parts])
    await movements.refund_released(frame, refund)


async def refused(frame: Frame, key: str) -> Refund:
    """Note that the provider does not take the request in this form."""
    refund = await find(frame, key, lock=True)
    return refund if refund.state in policy.SETTLED else await fail(frame, refund, "provider_refused")


async def lose(frame: Frame, key: str, question: int, *, why: str = "") -> Refund:
    """Note that the provider's answer did not come, or `why` it is not believed, and queue the question what it did."""
    refund = await find(frame, key, lock=True)
    if refund.state == "submitted":
        refund = await move(frame, refund, "lose", failure_reason=why)
    ask_later(frame, refund, question)
    return refund


def ask_later(frame: Frame, refund: Refund, attempt: int) -> None:
    """Queue the next question after an unknown or pending outcome, while the schedule has one."""
    waits = policy.PENDING_AFTER if refund.state == "pending" else payments.RECONCILE_AFTER
    if refund.state in {"unknown", "pending"} and attempt < len(waits):
        at = frame.after(waits[attempt])
        frame.enqueue("refunds.reconcile", queue=payments.QUEUE, at=at, refund=refund.id, asked=attempt)


async def _pend(frame: Frame, refund: Refund, outcome: ProviderRefund) -> Refund:
    """Note that the provider is at it, and for whom it waits."""
    waits = refund.state == "pending"
    if waits and refund.failure_reason == outcome.failure_reason:
        return refund
    after = await move(frame, refund, "pend", provider_ref=outcome.ref, failure_reason=outcome.failure_reason)
    if not waits:
        ask_later(frame, after, 0)
    return after


async def move(frame: Frame, before: Refund, event: str, *, reason: str = "", **values: object) -> Refund:
    """Move a locked refund and record it.

    Raises: IllegalRefundMove.
    """
    state = policy.moved(before.id, before.state, event)
    after = await repository.change(frame, id_of(before.id), state=state, **values)
    frame.record(
        f"refund.{_PAST[event]}", after.id, after.version, user_id=ids.parse_user(after.user_id),
        before=before, after=after, reason=reason,
    )  # fmt: skip
    return after
