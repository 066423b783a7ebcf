"""What a refund would do: the same rules as the act, read without a lock, and nothing changed."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.errors import RtpError
from rtp.kit.money import Money
from rtp.payments import methods
from rtp.payments import service as payments
from rtp.payments.schemas import LinePart, Payment, SoldLine
from rtp.refunds import allocation, desks, follow_ups, judging, second_person, service
from rtp.refunds.judging import Judged
from rtp.refunds.schemas import Finding, PreviewPart, PreviewRefund, RefundPreview
from rtp.users import service as users


async def preview(frame: Frame, payment_key: str, asked: PreviewRefund) -> RefundPreview:
    """What a refund would do, line by line and rule by rule.

    Raises: PaymentNotFound, NoSuchLine, InvalidInput.
    """
    payment = await payments.find(frame, payment_key)
    card = await methods.show(frame, payment.method_id)
    user = await users.resolve(frame, payment.user_id)
    lines = await payments.lines(frame, payment)
    parts, amount, findings = _taken(payment, lines, asked)
    findings += await _own_account(frame, payment)
    judged = Judged()
    if parts:
        products = service.products_of(lines, parts)
        judged = await judging.preview(frame, payment, amount, products, asked.ticket)
    findings += [verdict.shown() for verdict in judged.verdicts]
    subscription, access = await follow_ups.in_words(frame, payment, asked)
    nothing = Money.zero(amount.currency)
    left = payment.refundable - (amount if parts else nothing)
    refused = [finding.detail for finding in findings if finding.state == "refused"]
    tax = Money(sum(part.tax for part in parts), amount.currency)
    return RefundPreview(
        payment_id=payment.id,
        user_id=user.id,
        email=user.email,
        purpose=payment.purpose,
        actor=frame.principal.name,
        card_brand=card.brand,
        card_last_four=card.last_four,
        captured=payment.captured,
        refunded=payment.refunded,
        refundable=payment.refundable,
        amount=amount,
        net=amount - tax,
        tax=tax,
        left=left if left > nothing else nothing,
        lines=_shown(lines, parts),
        allowed=not refused,
        refusal=refused[0] if refused else "",
        approval=_approval(judged),
        policy_version=judged.version if parts else await service.policy_version(frame),
        findings=findings,
        subscription=subscription,
        access=access,
        warning=await _warning(frame) if judged.approval else "",
    )


def _taken(
    payment: Payment, lines: list[SoldLine], asked: PreviewRefund
) -> tuple[list[LinePart], Money, list[Finding]]:
    """What would be taken; where that is refused, what was asked for, and why."""
    nothing = Money.zero(payment.amount.currency)
    try:
        service.refuse(payment)
        follow_ups.refuse_impossible(payment, lines, asked)
        parts, amount = service.taken(payment, lines, asked)
    except RtpError as error:
        if error.status != 422:
            raise
        wanted = nothing if asked.amount is None else Money(asked.amount, nothing.currency)
        return [], wanted, [Finding(rule="payment", state="refused", detail=error.message)]
    left = payment.refundable - amount
    return parts, amount, [Finding(rule="payment", state="ok", detail=f"{left} left of it after this")]


async def _own_account(frame: Frame, payment: Payment) -> list[Finding]:
    try:
        await judging.refuse_own_account(frame, payment.user_id)
    except RtpError as error:
        return [Finding(rule="own account", state="refused", detail=error.message)]
    return []


def _approval(judged: Judged) -> str:
    return f"another person, {judged.approver} or above, within {judged.approval_days} days" if judged.approval else ""


async def _warning(frame: Frame) -> str:
    return second_person.warning(frame, (await desks.current(frame)).rules, frame.principal.id)


def _shown(lines: list[SoldLine], parts: list[LinePart]) -> list[PreviewPart]:
    known = {line.position: line for line in lines}
    result = []
    for part in parts:
        line = known[part.position]
        one = service.shown(part, line)
        left = Money(allocation.left(line) - part.net - part.tax, line.net.currency)
        result.append(
            PreviewPart(
                position=one.position, description=one.description, quantity=one.quantity, net=one.net, tax=one.tax,
                left=left,
            )
        )  # fmt: skip
    return result
