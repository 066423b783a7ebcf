"""What approving a refund would do, for whoever is to be its second person: read without a lock, nothing changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from rtp.db.frame import Frame
from rtp.errors import RtpError
from rtp.kit.money import Money
from rtp.payments import methods
from rtp.payments import service as payments
from rtp.payments.schemas import Payment, SoldLine
from rtp.refunds import allocation, deciding, follow_ups, policy, repository, service
from rtp.refunds.schemas import Finding, PreviewPart, PreviewRefund, Refund, RefundReview
from rtp.tokens import service as tokens
from rtp.users import service as users


async def review(frame: Frame, key: str) -> RefundReview:
    """A refund as its second person looks at it: who asked, what goes back, and whether they may approve it.

    Raises: RefundNotFound.
    """
    refund = await service.find(frame, key)
    payment = await payments.find(frame, refund.payment_id)
    card, user = await methods.show(frame, payment.method_id), await users.resolve(frame, payment.user_id)
    asked = PreviewRefund(cancel_subscription=refund.cancel_subscription, revoke_access=refund.revoke_access)
    subscription, access = await follow_ups.in_words(frame, payment, asked, asking=False)
    findings = await _findings(frame, refund, payment)
    refused = [finding.detail for finding in findings if finding.state == "refused"]
    held = refund.amount if refund.state in policy.HOLDING else Money.zero(refund.amount.currency)
    return RefundReview(
        refund=refund.id,
        state=refund.state,
        reason=refund.reason,
        note=refund.note,
        ticket=refund.ticket,
        issued_by=await tokens.called(frame, refund.issued_by),
        issued_at=refund.created_at,
        expires_at=refund.expires_at,
        held_because=refund.held_because,
        payment_id=payment.id,
        user_id=user.id,
        email=user.email,
        purpose=payment.purpose,
        actor=frame.principal.name,
        card_brand=card.brand,
        card_last_four=card.last_four,
        captured=payment.captured,
        refunded=payment.refunded - held,
        refundable=payment.refundable + held,
        amount=refund.amount,
        net=refund.amount - refund.tax,
        tax=refund.tax,
        left=payment.refundable,
        lines=await _lines(frame, refund, await payments.lines(frame, payment)),
        allowed=not refused,
        refusal=refused[0] if refused else "",
        approval="",
        policy_version=refund.policy_version,
        findings=findings,
        subscription=subscription,
        access=access,
    )


async def _findings(frame: Frame, refund: Refund, payment: Payment) -> list[Finding]:
    """What approving asks of it, in the same order."""

    async def state() -> None:
        policy.moved(refund.id, refund.state, "approve")

    async def person() -> None:
        await deciding.refuse_approver(frame, refund)

    async def time() -> None:
        deciding.refuse_late(frame, refund)

    async def paid() -> None:
        service.refuse(payment)
        await deciding.refuse_lost(frame, payment, refund)

    until = f"until {refund.expires_at:%Y-%m-%d %H:%M} UTC" if refund.expires_at is not None else "without an end"
    return [
        await _finding("state", state, "it waits for a second person"),
        await _finding("second person", person, f"{frame.principal.name} did not ask for it"),
        await _finding("time", time, until),
        await _finding("payment", paid, "not disputed, and what it returns is there"),
    ]


async def _finding(rule: str, check: Callable[[], Awaitable[None]], detail: str) -> Finding:
    try:
        await check()
    except RtpError as error:
        if error.status not in {403, 409, 422}:
            raise
        return Finding(rule=rule, state="refused", detail=error.message)
    return Finding(rule=rule, state="ok", detail=detail)


async def _lines(frame: Frame, refund: Refund, sold: list[SoldLine]) -> list[PreviewPart]:
    known = {line.position: line for line in sold}
    parts = await repository.parts_of(frame, service.id_of(refund.id))
    return [
        PreviewPart(
            **msgspec.structs.asdict(service.shown(part, known[part.position])),
            left=Money(allocation.left(known[part.position]), refund.amount.currency),
        )
        for part in parts
    ]
