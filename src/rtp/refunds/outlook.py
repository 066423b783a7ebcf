"""What the policy would say of many refunds that somebody wants to issue: read once, then judged one after the other.

It is the judge of a single refund, given sums and lines as the refunds before it would leave them. Nothing is locked,
so issuing each judges it once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.kit.text import mailbox
from rtp.payments import service as payments
from rtp.payments.schemas import LinePart, Payment, SoldLine
from rtp.refunds import desks, rules, second_person, service, sums
from rtp.refunds.errors import OwnAccount, RefundOverLimit, RefundRoleNotListed
from rtp.refunds.rules import IN_WORDS, SPANS, Case, Sums
from rtp.refunds.schemas import LimitUse, PreviewRefund, RefundPolicy
from rtp.users import service as users

Key = TypeVar("Key")


class Outlook:
    """The policy, who issues, and what they and the members have so far; `judge` counts what it lets pass."""

    def __init__(self, frame: Frame, holds: RefundPolicy) -> None:
        self.version = holds.version
        self._rules = holds.rules
        self._now = frame.now
        self._subject = rules.subject_of(frame.principal)
        self._own: dict[str, str] = {}
        self._issuer: dict[str, Sums] = {}
        self._members: dict[tuple[int, str], Sums] = {}
        self._changed: dict[str, datetime] = {}
        self._lines: dict[str, list[SoldLine]] = {}

    @classmethod
    async def of(cls, frame: Frame, wanted: Sequence[Payment]) -> Outlook:
        """What is to be known for refunds of these payments by the frame's principal, in a few statements."""
        made = cls(frame, await desks.current(frame))
        if frame.principal.kind == "staff":
            emails = await users.emails_of(frame, {payment.user_id for payment in wanted})
            mine = mailbox(frame.principal.name)
            made._own = {key: email for key, email in emails.items() if mailbox(email) == mine}
        if made._rules is not None and wanted:
            made._lines = await payments.lines_of(frame, wanted)
            if made._rules.hold_after_email_change_days is not None:
                made._changed = await users.email_changes(frame, {payment.user_id for payment in wanted})
            made._issuer = await sums.issued_by(frame, frame.principal.id)
            if made.counts_members:
                members = {ids.parse_user(payment.user_id) for payment in wanted}
                made._members = await sums.received_by(frame, members)
        return made

    @property
    def counts_members(self) -> bool:
        """Whether what a member receives is limited, or asks for more beyond a threshold."""
        return self._rules is not None and (bool(self._rules.members) or rules.counts_day(self._rules))

    def issued(self, amount: Money) -> None:
        """Count what was let pass earlier, in whatever currency, for who issues."""
        _count(self._issuer, amount.currency, amount)

    def received(self, member: int, amount: Money) -> None:
        """Count what was let pass earlier for a member."""
        _count(self._members, (member, amount.currency), amount)

    def used_up(self, payment: Payment, amount: Money) -> None:
        """Take what was let pass earlier from a payment's lines."""
        if lines := self._lines.get(payment.id):
            parts, _ = service.taken(payment, lines, PreviewRefund(amount=amount.amount))
            self._lines[payment.id] = [_held(line, parts) for line in lines]

    def judge(self, payment: Payment, amount: Money, ticket: str) -> bool:
        """Whether the next refund would need a second person; from here on it counts.

        Raises: OwnAccount, LineExceeded, and what the policy refuses with.
        """
        if payment.user_id in self._own:
            raise OwnAccount(email=self._own[payment.user_id])
        if self._rules is None:
            return False
        lines, member = self._lines[payment.id], ids.parse_user(payment.user_id)
        parts, _ = service.taken(payment, lines, PreviewRefund(amount=amount.amount))
        case = Case(
            amount=amount,
            subject=self._subject,
            products=service.products_of(lines, parts),
            captured_at=payment.settled_at or payment.created_at,
            now=self._now,
            ticket=ticket,
            email_changed_at=self._changed.get(payment.user_id),
            by_issuer=self._issuer.get(amount.currency) or dict.fromkeys(SPANS, 0),
            to_member=self._members.get((member, amount.currency)) or dict.fromkeys(SPANS, 0),
        )
        verdicts = rules.judge(self._rules, self.version, case)
        if (refused := next((one.error for one in verdicts if one.error is not None), None)) is not None:
            raise refused
        self._lines[payment.id] = [_held(line, parts) for line in lines]
        self.issued(amount)
        self.received(member, amount)
        return any(verdict.approval for verdict in verdicts)


async def version(frame: Frame) -> int:
    """Which version of the policy holds; 0 is none."""
    return (await desks.current(frame)).version


async def uses(frame: Frame, totals: Iterable[Money]) -> list[LimitUse]:
    """How far totals go within the rolling limits of the frame's principal.

    Raises: RefundRoleNotListed.
    """
    holds, subject = await desks.current(frame), rules.subject_of(frame.principal)
    if holds.rules is None or subject is None:
        return []
    before, found = await sums.issued_by(frame, frame.principal.id), []
    for total in totals:
        row = rules.limit_of(holds.rules, subject, total.currency)
        if row is None:
            raise RefundRoleNotListed(version=holds.version, currency=total.currency, whose=subject)
        for span in SPANS:
            if (limit := getattr(row, span)) is not None:
                used = before[total.currency][span] if total.currency in before else 0
                most, spent = Money(limit, total.currency), Money(used, total.currency)
                left = most - spent - total
                found.append(LimitUse(whose=subject, span=span, limit=most, used=spent, asked=total, left=left))
    return found


async def hold(frame: Frame, totals: Iterable[Money]) -> None:
    """Refuse totals beyond a rolling limit of the frame's principal.

    Raises: RefundRoleNotListed, RefundOverLimit.
    """
    for use in await uses(frame, totals):
        if use.left.amount < 0:
            zero, left = Money.zero(use.limit.currency), use.limit - use.used
            raise RefundOverLimit(
                amount=use.asked,
                whose=f"the {use.whose}'s",
                span=IN_WORDS[use.span],
                limit=use.limit,
                used=use.used,
                left=max(left, zero),
            )


async def beyond_threshold(frame: Frame, totals: Iterable[Money]) -> tuple[Money, Money] | None:
    """The first total above the policy's threshold, and the threshold; None where no second person is asked for."""
    held_to = (await desks.current(frame)).rules
    if held_to is None or not held_to.approval:
        return None
    compared = ((total, rules.threshold(held_to, total.currency)) for total in totals)
    return next((pair for pair in compared if pair[0] > pair[1]), None)


async def hold_second_person(frame: Frame, key: str, *, asked_by: str, at: datetime) -> None:
    """Refuse the frame's principal as the second person beside who asked for something at an instant.

    Raises: as second_person.hold.
    """
    await second_person.hold(frame, (await desks.current(frame)).rules, key, asked_by=asked_by, at=at)


async def warning(frame: Frame, asked_by: str) -> str:
    """Why what somebody asks for may find no second person; empty where nothing speaks for that."""
    return second_person.warning(frame, (await desks.current(frame)).rules, asked_by)


def _held(line: SoldLine, parts: Iterable[LinePart]) -> SoldLine:
    """The line after these parts are taken of it."""
    part = next((one for one in parts if one.position == line.position), None)
    if part is None:
        return line
    return msgspec.structs.replace(
        line,
        net_held=line.net_held + Money(part.net, line.net.currency),
        tax_held=line.tax_held + Money(part.tax, line.tax.currency),
    )


def _count(counted: dict[Key, Sums], key: Key, amount: Money) -> None:
    before = counted.get(key) or dict.fromkeys(SPANS, 0)
    counted[key] = {span: spent + amount.amount for span, spent in before.items()}
