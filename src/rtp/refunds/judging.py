"""Holding a refund to the policy, with the sums counted under a lock: small refunds in parallel never pass a limit."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.kit.text import mailbox
from rtp.payments import service as payments
from rtp.payments.schemas import Payment
from rtp.refunds import desks, rules
from rtp.refunds.desks import Held
from rtp.refunds.errors import OwnAccount
from rtp.refunds.rules import Case, Verdict
from rtp.refunds.schemas import RefundPolicy, RefundRules
from rtp.users import service as users


class Judged(Struct, frozen=True, kw_only=True):
    """What the policy says of a refund; without one, nothing."""

    version: int = 0
    case: Case | None = None
    verdicts: list[Verdict] = []
    because: str = ""
    approval_days: int = 0
    approver: str = ""

    @property
    def approval(self) -> bool:
        """Whether a second person must approve it; `because` is why."""
        return bool(self.because)


async def refuse_own_account(frame: Frame, user_id: str) -> None:
    """Nobody decides about money to themselves: a staff member's mailbox is compared with the member's.

    Raises: OwnAccount.
    """
    if frame.principal.kind == "staff":
        member = await users.resolve(frame, user_id)
        if mailbox(member.email) == mailbox(frame.principal.name):
            raise OwnAccount(email=member.email)


async def queue(frame: Frame, payment_key: str) -> RefundPolicy:
    """The policy that holds; where it compares sums, after waiting for whoever counts for the same person or member.

    It comes before the payment is locked: a bulk keeps its person's place in the queue from row to row, and who waits
    for that place must not hold a payment that the bulk comes to.

    Raises: PaymentNotFound.
    """
    holds = await desks.current(frame)
    if holds.rules is not None:
        payment = await payments.find(frame, payment_key)
        if held := _held(frame, holds.rules, payment):
            await desks.queue(frame, [one.holder for one in held], payment.amount.currency)
    return holds


async def enforce(
    frame: Frame, holds: RefundPolicy, payment: Payment, amount: Money, products: tuple[str, ...], ticket: str
) -> Judged:
    """Hold a refund that is being issued to the policy, after `queue`.

    Raises: ProductNotRefundable, RefundWindowClosed, RefundOverLimit, RefundRoleNotListed, RefundTicketMissing.
    """
    if holds.rules is None:
        return Judged()
    judged = await _judge(frame, holds.rules, holds.version, payment, amount, products, ticket)
    for verdict in judged.verdicts:
        if verdict.error is not None:
            raise verdict.error
    if judged.case is None:
        return judged
    for one in _held(frame, holds.rules, payment):
        sums = judged.case.to_member if one.holder == payment.user_id else judged.case.by_issuer
        await desks.note(frame, one, {span: spent + amount.amount for span, spent in sums.items()}, amount.currency)
    return judged


async def preview(frame: Frame, payment: Payment, amount: Money, products: tuple[str, ...], ticket: str) -> Judged:
    """What the policy would say, without a lock and without refusing."""
    holds = await desks.current(frame)
    if holds.rules is None:
        return Judged()
    return await _judge(frame, holds.rules, holds.version, payment, amount, products, ticket)


async def _judge(
    frame: Frame,
    held_to: RefundRules,
    version: int,
    payment: Payment,
    amount: Money,
    products: tuple[str, ...],
    ticket: str,
) -> Judged:
    member = ids.parse_user(payment.user_id)
    by_issuer, to_member = await desks.sums(
        frame, issuer=frame.principal.id, member=member, currency=amount.currency
    )  # fmt: skip
    case = Case(
        amount=amount,
        subject=rules.subject_of(frame.principal),
        products=products,
        captured_at=payment.settled_at or payment.created_at,
        now=frame.now,
        ticket=ticket,
        email_changed_at=await _email_changed_at(frame, held_to, payment.user_id),
        by_issuer=by_issuer,
        to_member=to_member,
    )
    verdicts = rules.judge(held_to, version, case)
    return Judged(
        version=version,
        case=case,
        verdicts=verdicts,
        because="; ".join(verdict.because for verdict in verdicts if verdict.because),
        approval_days=held_to.approval_days,
        approver=held_to.approver,
    )


async def _email_changed_at(frame: Frame, held_to: RefundRules, user_id: str) -> datetime | None:
    if held_to.hold_after_email_change_days is None:
        return None
    return (await users.email_changes(frame, [user_id])).get(user_id)


def _held(frame: Frame, held_to: RefundRules, payment: Payment) -> list[Held]:
    """Whose sums are compared: of the one who issues first, then of the member, so that nobody waits in a circle."""
    found, currency = [], payment.amount.currency
    subject = rules.subject_of(frame.principal)
    own = rules.limit_of(held_to, subject, currency) if subject is not None else None
    if own is not None:
        found.append(Held(holder=frame.principal.id, day=own.day, week=own.week, month=own.month))
    theirs = rules.member_limit(held_to, currency)
    if theirs is not None:
        found.append(Held(holder=payment.user_id, day=theirs.day, week=theirs.week, month=theirs.month))
    elif rules.counts_day(held_to):  # a threshold counts what the member has, so refunds to them queue without a limit
        found.append(Held(holder=payment.user_id, day=None, week=None, month=None))
    counted = payment.user_id if rules.counts_day(held_to) else None
    return [one for one in found if one.holder == counted or (one.day, one.week, one.month) != (None, None, None)]
