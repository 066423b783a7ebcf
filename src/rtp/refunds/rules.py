"""What a refund policy says of one refund: products, windows, limits, approval. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct

from rtp.errors import RtpError
from rtp.kit.money import Money
from rtp.kit.text import counted
from rtp.permissions import Principal
from rtp.refunds.errors import (
    ProductNotRefundable,
    RefundOverLimit,
    RefundPolicyInvalid,
    RefundRoleNotListed,
    RefundTicketMissing,
    RefundWindowClosed,
)
from rtp.refunds.schemas import DeskLimit, Finding, MemberLimit, PolicyChange, RefundRules, Subject, Threshold

Span = Literal["day", "week", "month"]
SPANS: dict[Span, timedelta] = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
"""The rolling spans: any 1, 7 and 30 days that end now."""
IN_WORDS = {"one": "for one refund", "day": "for 1 day", "week": "for 7 days", "month": "for 30 days"}
Sums = dict[Span, int]
"""What was refunded or may still be, in each span, in minor units."""


class Case(Struct, frozen=True, kw_only=True):
    """A refund to judge: `products` are those of its lines, the sums are of whoever issues it and of the member.

    `email_changed_at` is when the member's e-mail became another one, None where the policy does not ask. Without a
    `subject` it is the platform's own work, which has no limits of its own; all other rules hold.
    """

    amount: Money
    subject: Subject | None
    products: tuple[str, ...]
    captured_at: datetime
    now: datetime
    ticket: str = ""
    email_changed_at: datetime | None = None
    by_issuer: Sums
    to_member: Sums


class Verdict(Struct, frozen=True, kw_only=True):
    """What one rule says; `error` is how it refuses, `because` is why it asks for a second person."""

    rule: str
    detail: str
    because: str = ""
    error: RtpError | None = None

    @property
    def approval(self) -> bool:
        """Whether it asks for a second person."""
        return bool(self.because)

    def shown(self) -> Finding:
        """As it crosses the API."""
        state: Literal["ok", "approval", "refused"] = "refused" if self.error else "approval" if self.approval else "ok"
        return Finding(rule=self.rule, state=state, detail=self.error.message if self.error else self.detail)


def subject_of(person: Principal) -> Subject | None:
    """Which limits are somebody's; None for the platform's own work, which has none of its own."""
    if person.kind == "system":
        return None
    if person.kind == "owner":
        return "local"
    if person.kind == "token":
        return "token"
    return "support" if person.role == "viewer" else person.role


def judge(rules: RefundRules, version: int, case: Case) -> list[Verdict]:
    """What each rule says, in the order in which they are read."""
    return [
        *_products(rules, version, case),
        *_limits(rules, version, case),
        *_members(rules, version, case),
        *_ticket(rules, version, case),
        *_email(rules, case),
        _approval(rules, case),
    ]


def limit_of(rules: RefundRules, subject: Subject, currency: str) -> DeskLimit | None:
    """The limit of these in a currency, None where they have no row."""
    return next((row for row in rules.limits if row.role == subject and row.currency == currency), None)


def member_limit(rules: RefundRules, currency: str) -> MemberLimit | None:
    """What a member may be refunded in a currency, None where nothing is said."""
    return next((row for row in rules.members if row.currency == currency), None)


def threshold(rules: RefundRules, currency: str) -> Money:
    """Above this a second person is asked, where the policy asks for one at all; 0 in a currency without a row."""
    return _above(rules.approval, currency)


def counts_day(rules: RefundRules) -> bool:
    """Whether a threshold is compared with what the member has of the day, so that refunds to them are counted."""
    return bool(rules.ticket or rules.approval)


def check(rules: RefundRules) -> None:
    """Refuse a policy in which something is said twice, or a shorter span allows more than a longer one.

    Raises: RefundPolicyInvalid, with the path of every mistake.
    """
    wrong: dict[str, str] = {}
    wrong |= _twice("products", [row.product for row in rules.products])
    wrong |= _twice("limits", [f"{row.role} in {row.currency}" for row in rules.limits])
    wrong |= _twice("members", [row.currency for row in rules.members])
    wrong |= _twice("ticket", [row.currency for row in rules.ticket])
    wrong |= _twice("approval", [row.currency for row in rules.approval])
    spans = [(f"limits[{place}]", row.day, row.week, row.month) for place, row in enumerate(rules.limits)]
    spans += [(f"members[{place}]", row.day, row.week, row.month) for place, row in enumerate(rules.members)]
    for path, *limits in spans:
        given = [limit for limit in limits if limit is not None]
        if given != sorted(given):
            wrong[path] = "a longer span allows less than a shorter one"
    if rules.approver == "viewer":
        wrong["approver"] = "a viewer changes nothing"
    if wrong:
        raise RefundPolicyInvalid(what="; ".join(f"{path}: {text}" for path, text in wrong.items()), fields=wrong)


def diff(before: RefundRules | None, after: RefundRules) -> list[PolicyChange]:
    """Every value that differs, by its path."""
    old = _flat(msgspec.to_builtins(before)) if before is not None else {}
    new = _flat(msgspec.to_builtins(after))
    names = [*old, *(name for name in new if name not in old)]
    return [
        PolicyChange(path=name, before=old.get(name), after=new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]


def _products(rules: RefundRules, version: int, case: Case) -> Iterator[Verdict]:
    own = {row.product: row for row in rules.products}
    age = (case.now - case.captured_at).days
    for product in dict.fromkeys(case.products):
        row = own.get(product)
        named = product or "what was paid for"
        if row is not None and not row.refundable:
            yield Verdict(rule="product", detail="", error=ProductNotRefundable(version=version, product=named))
            continue
        days = row.window_days if row is not None and row.window_days is not None else rules.window_days
        if days is not None and case.now - case.captured_at > timedelta(days=days):
            closed = RefundWindowClosed(version=version, product=named, days=days, age=age)
            yield Verdict(rule="window", detail="", error=closed)
        else:
            said = f"{age} days old, of {days}" if days is not None else "no window"
            yield Verdict(rule="window", detail=f"{named}: {said}")


def _limits(rules: RefundRules, version: int, case: Case) -> Iterator[Verdict]:
    if case.subject is None:
        return
    row = limit_of(rules, case.subject, case.amount.currency)
    whose = f"the {case.subject}'s"
    if row is None:
        missing = RefundRoleNotListed(version=version, currency=case.amount.currency, whose=case.subject)
        yield Verdict(rule="limit", detail="", error=missing)
        return
    if row.one is not None:
        yield _within("one", row.one, 0, case.amount, whose, "limit")
    for span in SPANS:
        if (limit := getattr(row, span)) is not None:
            yield _within(span, limit, case.by_issuer[span], case.amount, whose, "limit")
    if row.one is row.day is row.week is row.month is None:
        yield Verdict(rule="limit", detail=f"none is set for the role {case.subject}")


def _members(rules: RefundRules, version: int, case: Case) -> Iterator[Verdict]:
    if not rules.members:
        return
    row = member_limit(rules, case.amount.currency)
    if row is None:
        missing = RefundRoleNotListed(version=version, currency=case.amount.currency, whose="a member")
        yield Verdict(rule="member", detail="", error=missing)
        return
    for span in SPANS:
        if (limit := getattr(row, span)) is not None:
            yield _within(span, limit, case.to_member[span], case.amount, "the member's", "member")


def _within(span: str, limit: int, used: int, amount: Money, whose: str, rule: str) -> Verdict:
    words = IN_WORDS[span]
    most, spent = Money(limit, amount.currency), Money(used, amount.currency)
    left = Money(max(0, limit - used), amount.currency)
    if amount > left:
        over = RefundOverLimit(amount=amount, whose=whose, span=words, limit=most, used=spent, left=left)
        return Verdict(rule=f"{rule}.{span}", detail="", error=over)
    return Verdict(rule=f"{rule}.{span}", detail=f"leaves {left - amount} of {most} {words}")


def _ticket(rules: RefundRules, version: int, case: Case) -> Iterator[Verdict]:
    if not rules.ticket:
        return
    above = _above(rules.ticket, case.amount.currency)
    if case.ticket.strip():
        yield Verdict(rule="ticket", detail=f"{case.ticket.strip()} is named")
    elif beyond := _beyond(case, above):
        when = beyond if above else f"for every refund in {above.currency}"
        yield Verdict(rule="ticket", detail="", error=RefundTicketMissing(version=version, when=when))
    else:
        yield Verdict(rule="ticket", detail=f"none is needed up to {above}{_so_far(case)}")


def _email(rules: RefundRules, case: Case) -> Iterator[Verdict]:
    """Whoever took a member's account over changes its e-mail first, and asks for the money next."""
    days = rules.hold_after_email_change_days
    if days is None:
        return
    changed = case.email_changed_at
    if changed is None or case.now - changed >= timedelta(days=days):
        yield Verdict(rule="email", detail=f"the member's was not changed within {counted(days, 'day')}")
        return
    because = f"the member's e-mail was changed on {changed:%Y-%m-%d}, within {counted(days, 'day')}"
    yield Verdict(rule="email", detail=f"{because}: {_other(rules)}", because=because)


def _approval(rules: RefundRules, case: Case) -> Verdict:
    if not rules.approval:
        return Verdict(rule="approval", detail="nobody else has to approve")
    above = threshold(rules, case.amount.currency)
    if why := _beyond(case, above):
        return Verdict(rule="approval", detail=f"{why}: {_other(rules)}", because=why)
    return Verdict(rule="approval", detail=f"nobody else has to approve up to {above}{_so_far(case)}")


def _other(rules: RefundRules) -> str:
    return f"another person ({rules.approver} or above) must approve within {rules.approval_days} d"


def _above(rows: Sequence[Threshold], currency: str) -> Money:
    """The threshold of a currency; 0 without a row for it."""
    return Money(next((row.above for row in rows if row.currency == currency), 0), currency)


def _beyond(case: Case, above: Money) -> str:
    """Why a refund is beyond a threshold, alone or with what the member has of the day; empty where it is not."""
    if case.amount > above:
        return f"above {above}"
    together = case.amount + Money(case.to_member["day"], above.currency)
    return f"{together} for the member in 1 day is above {above}" if together > above else ""


def _so_far(case: Case) -> str:
    before = Money(case.to_member["day"], case.amount.currency)
    return f", {before} of it used in 1 day" if before else ""


def _twice(name: str, keys: Sequence[str]) -> dict[str, str]:
    return {
        f"{name}[{place}]": f"{key} stands already at {name}[{keys.index(key)}]"
        for place, key in enumerate(keys)
        if keys.index(key) < place
    }


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """Every value of a policy by its path; a row is named by what it is about, not by its place."""
    result: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, list):
            for item in value:
                result |= _row(item, f"{name}[{_label(item)}]")
        else:
            result[name] = value
    return result


def _row(item: dict[str, Any], path: str) -> dict[str, Any]:
    """What a row says; that it is there at all is said too, or a role without limits would look like none."""
    currency = item.get("currency")
    said = {
        f"{path}.{name}": {"amount": value, "currency": currency} if currency else value
        for name, value in item.items()
        if value is not None and name not in ("product", "role", "currency")
    }
    return said or {path: "without limit"}


def _label(item: dict[str, Any]) -> str:
    return " ".join(str(item[name]) for name in ("product", "role", "currency") if name in item)
