"""Use cases of the second person: approve, reject; and what happens when nobody does, or a refund failed."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.jobs import service as jobs
from rtp.kit.money import Money
from rtp.payments import service as payments
from rtp.payments.schemas import LinePart, Payment
from rtp.refunds import desks, judging, policy, repository, second_person, service, settling
from rtp.refunds.errors import (
    ApprovalExpired,
    ApprovedByIssuer,
    IllegalRefundMove,
    RefundLostToDispute,
    RefundRetried,
    RefundRetryDiffers,
)
from rtp.refunds.schemas import Decision, IssueRefund, LineAsk, Refund

AT_ONCE = len(payments.RECONCILE_AFTER)
"""A question by hand: it starts no further one, the schedule's own go on."""


async def approve(frame: Frame, key: str, decision: Decision) -> Refund:
    """Let a refund that waits go its way; who issued it cannot, by whatever token or account they come.

    Raises: RefundNotFound, IllegalRefundMove, ApprovedByIssuer, what `second_person.hold` raises, OwnAccount,
    ApprovalExpired, PaymentDisputed, RefundLostToDispute, and what follow-ups refuse with.
    """
    before = await service.find(frame, key, lock=True)
    policy.moved(before.id, before.state, "approve")
    await refuse_approver(frame, before)
    refuse_late(frame, before)
    payment = await payments.lock(frame, before.payment_id)
    service.refuse(payment)
    await refuse_lost(frame, payment, before)
    after = await settling.move(
        frame, before, "approve", reason=decision.note, approved_by=frame.principal.id, decided_at=frame.now
    )
    await service.accept(frame, payment, after)
    return after


async def reject(frame: Frame, key: str, decision: Decision) -> Refund:
    """End a refund that waits; who issued it may do so too, to take it back.

    Raises: RefundNotFound, IllegalRefundMove.
    """
    before = await service.find(frame, key, lock=True)
    why = f"rejected by {frame.principal.name}" + (f": {decision.note}" if decision.note else "")
    after = await settling.move(
        frame, before, "reject", reason=decision.note, failure_reason=why, decided_at=frame.now, settled_at=frame.now
    )
    await settling.release(frame, after)
    return after


async def expire(frame: Frame, key: str) -> Refund:
    """End a refund that nobody approved in time; before that, or after a decision, nothing happens."""
    before = await service.find(frame, key, lock=True)
    if before.state != "waiting" or before.expires_at is None or before.expires_at > frame.now:
        return before
    after = await settling.move(frame, before, "expire", failure_reason="nobody approved it", settled_at=frame.now)
    await settling.release(frame, after)
    return after


async def retry(frame: Frame, key: str) -> Refund:
    """Issue a failed refund anew, linked to the first attempt; ask the provider now about one under way or unknown.

    Raises: RefundNotFound, IllegalRefundMove, RefundRetried, RefundRetryDiffers, and as service.issue.
    """
    refund = await service.find(frame, key, lock=True)
    if refund.state == "failed":
        return await _anew(frame, refund)
    await jobs.withdraw(frame, refund.id, "refunds.submit", "refunds.reconcile")
    if refund.state in {"unknown", "pending"}:
        frame.enqueue("refunds.reconcile", queue=payments.QUEUE, lock=refund.id, refund=refund.id, asked=AT_ONCE)
    elif refund.state in {"created", "submitted"}:
        frame.enqueue("refunds.submit", queue=payments.QUEUE, lock=refund.id, refund=refund.id)
    else:
        raise IllegalRefundMove(key=refund.id, state=refund.state, event="retry")
    return refund


async def _anew(frame: Frame, failed: Refund) -> Refund:
    """Every attempt at one refund is linked to the first, so of all of them one at most stands; it asks for the same.

    Raises: RefundRetried, RefundRetryDiffers, and as service.issue.
    """
    first = failed if failed.retry_of is None else await service.find(frame, failed.retry_of, lock=True)
    second = await repository.retried(frame, service.id_of(first.id), sorted(policy.HOLDING))
    if second is not None:
        raise RefundRetried(key=failed.id, second=second.id)
    parts = await repository.parts_of(frame, service.id_of(failed.id))
    lines = [_same(part) for part in parts]
    request = IssueRefund(reason=failed.reason, note=failed.note, ticket=failed.ticket, lines=lines, again=True)
    anew = await service.issue(frame, failed.payment_id, request, retry_of=service.id_of(first.id))
    if anew.amount != failed.amount:  # what a piece is worth is rounded by those that were returned before it
        raise RefundRetryDiffers(key=failed.id, amount=failed.amount, now=anew.amount, payment=failed.payment_id)
    return anew


def _same(part: LinePart) -> LineAsk:
    if part.quantity:
        return LineAsk(position=part.position, quantity=part.quantity)
    return LineAsk(position=part.position, amount=part.net + part.tax)


async def refuse_lost(frame: Frame, payment: Payment, refund: Refund) -> None:
    """It held its amount while it waited, but what was lost to a dispute meanwhile is not there any more.

    Raises: RefundLostToDispute.
    """
    if over := await settling.gone(frame, payment):
        left = max(Money.zero(over.currency), refund.amount - over)
        raise RefundLostToDispute(key=refund.id, asked=refund.amount, left=left, payment=payment.id)


def refuse_late(frame: Frame, refund: Refund) -> None:
    """Refuse to approve after the policy's days, though nothing has ended it yet.

    Raises: ApprovalExpired.
    """
    if refund.expires_at is not None and refund.expires_at <= frame.now:
        raise ApprovalExpired(key=refund.id, until=f"{refund.expires_at:%Y-%m-%d %H:%M} UTC", payment=refund.payment_id)


async def refuse_approver(frame: Frame, refund: Refund) -> None:
    """Refuse the frame's principal as the second person of a refund.

    Raises: ApprovedByIssuer, what `second_person.hold` raises, OwnAccount.
    """
    if frame.principal.id == refund.issued_by:
        raise ApprovedByIssuer(key=refund.id)
    holds = await desks.current(frame)
    await second_person.hold(frame, holds.rules, refund.id, asked_by=refund.issued_by, at=refund.created_at)
    await judging.refuse_own_account(frame, refund.user_id)
