"""Holding a refund to the policy, with the sums counted under a lock: small refunds in parallel never pass a limit."""

from __future__ import annotations

from msgspec import Struct

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.payments.schemas import Payment
from rtp.permissions import Principal
from rtp.refunds import desks, rules
from rtp.refunds.desks import Held
from rtp.refunds.errors import OwnAccount
from rtp.refunds.rules import Case, Verdict
from rtp.refunds.schemas import RefundRules
from rtp.users import service as users


class Judged(Struct, frozen=True, kw_only=True):
    """What the policy says of a refund; without one, nothing."""

    version: int = 0
    case: Case | None = None
    verdicts: list[Verdict] = []
    approval: bool = False
    approval_days: int = 0
    approver: str = ""


async def refuse_own_account(frame: Frame, person: Principal, user_id: str) -> None:
    """Nobody decides about money to themselves: a staff member's e-mail is compared with the member's.

    Raises: OwnAccount.
    """
    if person.kind == "staff":
        member = await users.resolve(frame, user_id)
        if member.email.casefold() == person.name.casefold():
            raise OwnAccount(email=member.email)


async def enforce(
    frame: Frame, person: Principal, payment: Payment, amount: Money, products: tuple[str, ...]
) -> Judged:
    """Hold a refund that is being issued to the policy.

    Raises: ProductNotRefundable, RefundWindowClosed, RefundOverLimit, RefundRoleNotListed.
    """
    holds = await desks.current(frame)
    if holds.rules is None:
        return Judged()
    held = _held(holds.rules, person, payment, amount.currency)
    if held:
        await desks.queue(frame, [one.holder for one in held], amount.currency)
    judged = await _judge(frame, person, payment, amount, products, holds.rules, holds.version)
    for verdict in judged.verdicts:
        if verdict.error is not None:
            raise verdict.error
    if judged.case is not None:
        for one in held:
            sums = judged.case.to_member if one.holder == payment.user_id else judged.case.by_issuer
            await desks.note(frame, one, {span: spent + amount.amount for span, spent in sums.items()}, amount.currency)
    return judged


async def preview(
    frame: Frame, person: Principal, payment: Payment, amount: Money, products: tuple[str, ...]
) -> Judged:
    """What the policy would say, without a lock and without refusing."""
    holds = await desks.current(frame)
    if holds.rules is None:
        return Judged()
    return await _judge(frame, person, payment, amount, products, holds.rules, holds.version)


async def _judge(
    frame: Frame,
    person: Principal,
    payment: Payment,
    amount: Money,
    products: tuple[str, ...],
    held_to: RefundRules,
    version: int,
) -> Judged:
    member = ids.parse_user(payment.user_id)
    by_issuer, to_member = await desks.sums(frame, issuer=person.id, member=member, currency=amount.currency)
    case = Case(
        amount=amount,
        subject=rules.subject_of(person),
        products=products,
        captured_at=payment.settled_at or payment.created_at,
        now=frame.now,
        by_issuer=by_issuer,
        to_member=to_member,
    )
    verdicts = rules.judge(held_to, version, case)
    return Judged(
        version=version,
        case=case,
        verdicts=verdicts,
        approval=any(verdict.approval for verdict in verdicts),
        approval_days=held_to.approval_days,
        approver=held_to.approver,
    )


def _held(held_to: RefundRules, person: Principal, payment: Payment, currency: str) -> list[Held]:
    """Whose sums are limited: of the one who issues first, then of the member, so that nobody waits in a circle."""
    found = []
    subject = rules.subject_of(person)
    own = rules.limit_of(held_to, subject, currency) if subject is not None else None
    if own is not None:
        found.append(Held(holder=person.id, day=own.day, week=own.week, month=own.month))
    theirs = rules.member_limit(held_to, currency)
    if theirs is not None:
        found.append(Held(holder=payment.user_id, day=theirs.day, week=theirs.week, month=theirs.month))
    return [one for one in found if any(limit is not None for limit in (one.day, one.week, one.month))]
