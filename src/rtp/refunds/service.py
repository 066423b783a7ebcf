"""Use cases of refunds: reserve the amount and queue the provider call; nothing here calls a provider."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.errors import InvalidInput
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import movements
from rtp.operations import Page
from rtp.payments import service as payments
from rtp.payments.schemas import LinePart, Payment, SoldLine
from rtp.refunds import allocation, desks, follow_ups, judging, policy, repository
from rtp.refunds.errors import (
    NothingToRefund,
    PaymentDisputed,
    RefundCurrencyDiffers,
    RefundExceedsCaptured,
    RefundNotFound,
    RefundRepeated,
    RefundUnsettled,
)
from rtp.refunds.schemas import IssueRefund, PreviewRefund, Refund, RefundDetail, RefundPart, RefundState
from rtp.users import service as users


async def issue(frame: Frame, payment_key: str, request: IssueRefund, *, retry_of: UUID | None = None) -> Refund:
    """Reserve the amount and queue the provider call; above the policy's threshold, wait for a second person first.

    Limits and repeats are those of the frame's principal; `retry_of` is a failed refund that it is issued anew for.
    Raises: PaymentNotFound, what `refuse` and `taken` raise, RefundRepeated, RefundUnsettled, OwnAccount, what the
    policy refuses with, and what follow-ups refuse with.
    """
    holds = await judging.queue(frame, payment_key)
    payment, lines = await payments.lock_with_lines(frame, payment_key)
    refuse(payment)
    follow_ups.refuse_impossible(payment, lines, request)
    parts, amount = taken(payment, lines, request)
    if payment.refunded and not request.again:  # where nothing is held there is none to repeat
        _refuse_repeat(frame, payment, await repository.of_payment(frame, payments.id_of(payment.id)), amount)
    await judging.refuse_own_account(frame, payment.user_id)
    judged = await judging.enforce(frame, holds, payment, amount, products_of(lines, parts), request.ticket)
    values = _columns(frame, request, parts, judged) | {"retry_of": retry_of}
    return await _add(frame, payment, parts, amount, values)


def refuse(payment: Payment) -> None:
    """Payments of which nothing is refunded at all.

    Raises: NothingToRefund, PaymentDisputed.
    """
    if payment.state != "succeeded":
        raise NothingToRefund(payment=payment.id, state=payment.state)
    if payment.disputed:
        raise PaymentDisputed(payment=payment.id)


def taken(payment: Payment, lines: list[SoldLine], request: PreviewRefund) -> tuple[list[LinePart], Money]:
    """What is taken of each line, and the sum.

    Raises: RefundCurrencyDiffers, RefundExceedsCaptured, NoSuchLine, LineExceeded, InvalidInput.
    """
    currency, left = payment.amount.currency, payment.refundable
    if request.currency not in {None, currency}:
        raise RefundCurrencyDiffers(payment=payment.id, currency=currency, asked=request.currency)
    if request.lines and request.amount is not None:
        raise InvalidInput(what="an amount and lines do not go together", fields={"amount": "give it with its line"})
    if request.lines:
        parts = allocation.of_lines(lines, request.lines, payment=payment.id, net=request.net)
    else:
        asked = left.amount if request.amount is None else request.amount
        net = request.net and request.amount is not None
        parts = allocation.of_amount(lines, asked, net=net)
        reached = sum(part.net for part in parts) if net else allocation.total(parts)
        if not asked or reached < asked:
            raise _exceeds(payment, Money(asked, currency))
    amount = Money(allocation.total(parts), currency)
    if amount > left:
        raise _exceeds(payment, amount)
    return parts, amount


def products_of(lines: list[SoldLine], parts: list[LinePart]) -> tuple[str, ...]:
    """The products of what is taken."""
    touched = {part.position for part in parts}
    return tuple(dict.fromkeys(line.product for line in lines if line.position in touched))


async def accept(frame: Frame, payment: Payment, refund: Refund) -> None:
    """Queue the provider call of a refund that nobody else has to approve, and do what was asked for beside it."""
    await follow_ups.carry_out(frame, payment, cancel=refund.cancel_subscription, revoke=refund.revoke_access)
    frame.enqueue("refunds.submit", queue=payments.QUEUE, lock=refund.id, refund=refund.id)


async def show(frame: Frame, key: str) -> RefundDetail:
    """A refund with its lines.

    Raises: RefundNotFound.
    """
    refund = await find(frame, key)
    sold = {line.position: line for line in await payments.lines(frame, await payments.find(frame, refund.payment_id))}
    parts = await repository.parts_of(frame, id_of(key))
    lines = [shown(part, sold[part.position]) for part in parts]
    return RefundDetail(**msgspec.structs.asdict(refund), lines=lines)


def shown(part: LinePart, line: SoldLine) -> RefundPart:
    """A part of a line as it crosses the API."""
    currency = line.net.currency
    return RefundPart(
        position=part.position,
        description=line.description,
        quantity=part.quantity,
        net=Money(part.net, currency),
        tax=Money(part.tax, currency),
    )


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


async def unsettled(frame: Frame) -> dict[str, int]:
    """How many refunds are under way, wait for a person, or failed, by state."""
    return await repository.counts(frame, ("waiting", "created", "submitted", "pending", "unknown", "failed"))


async def policy_version(frame: Frame) -> int:
    """Which version of the refund policy holds; 0 is none."""
    return (await desks.current(frame)).version


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
    return ids.parse_or("rfd", key, RefundNotFound)


def _exceeds(payment: Payment, asked: Money) -> RefundExceedsCaptured:
    """Says what is left, and the command that would return just that."""
    left = payment.refundable
    most = str(left).partition(" ")[0].replace(",", "")
    hint = f"rtp refunds issue {payment.id} --amount {most} --reason CODE" if left else None
    return RefundExceedsCaptured(asked=asked, left=left, payment=payment.id, hint=hint)


async def _add(frame: Frame, payment: Payment, parts: list[LinePart], amount: Money, values: dict[str, Any]) -> Refund:
    payment_id, user_id = payments.id_of(payment.id), ids.parse_user(payment.user_id)
    await payments.hold_refund(frame, payment, parts)
    refund = repository.add(frame, user_id, payment_id, amount, values)
    repository.add_lines(frame, user_id, payment_id, id_of(refund.id), parts)
    await movements.refund_reserved(frame, refund, tax=refund.tax, fresh=True)
    why = refund.reason + (f": {refund.note}" if refund.note else "") + (f" [{refund.ticket}]" if refund.ticket else "")
    frame.record(
        f"refund.{refund.state}", refund.id, refund.version, user_id=user_id, after=refund, reason=why
    )  # fmt: skip
    if refund.expires_at is None:
        await accept(frame, payment, refund)
    else:
        frame.enqueue("refunds.expire", at=refund.expires_at, refund=refund.id)
    return refund


def _columns(frame: Frame, request: IssueRefund, parts: list[LinePart], judged: judging.Judged) -> dict[str, Any]:
    return {
        "tax": sum(part.tax for part in parts),
        "state": "waiting" if judged.approval else "created",
        "reason": request.reason,
        "note": request.note,
        "ticket": request.ticket,
        "issued_by": frame.principal.id,
        "approval_needed": judged.approval,
        "held_because": judged.because,
        "expires_at": frame.after(86_400.0 * judged.approval_days) if judged.approval else None,
        "cancel_subscription": request.cancel_subscription,
        "revoke_access": request.revoke_access,
        "policy_version": judged.version,
    }


def _refuse_repeat(frame: Frame, payment: Payment, earlier: list[Refund], amount: Money) -> None:
    for refund in reversed(earlier):
        if refund.amount != amount or refund.state not in policy.HOLDING:
            continue
        age = frame.now - refund.created_at
        if refund.state == "unknown":
            raise RefundUnsettled(amount=amount, payment=payment.id, first=refund.id)
        if refund.issued_by == frame.principal.id and age < policy.REPEAT_WINDOW:
            raise RefundRepeated(
                amount=amount, payment=payment.id, first=refund.id, seconds=max(0, int(age.total_seconds()))
            )
