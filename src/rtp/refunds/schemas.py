"""What crosses the API about refunds, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from rtp.kit.money import MAX_AMOUNT, Money
from rtp.operations import Operation, listing, read, write
from rtp.permissions import Role

RefundState = Literal[
    "waiting", "created", "submitted", "pending", "unknown", "succeeded", "failed", "canceled", "rejected", "expired"
]
"""`waiting` is for a second person; `rejected` and `expired` are how that ends without one who approves."""
Reason = Literal["duplicate", "requested_by_customer", "fraudulent", "service_not_provided", "goodwill", "other"]
Ending = Literal["no", "now", "period_end"]
"""When a refund's subscription ends: not at all, at once, or with what is paid for."""
Minor = Annotated[int, Meta(ge=1, le=MAX_AMOUNT)]
"""An amount in minor units of the payment's currency."""
Remark = Annotated[str, Meta(max_length=500)]
Ticket = Annotated[str, Meta(max_length=100)]


class Refund(Struct, kw_only=True):
    """Money on its way back, or returned; `id` is its key at the provider, the same for every attempt of this refund.

    `tax` is the part of the amount that is tax. `policy_version` is the policy it was judged by, 0 for none;
    `held_because` is why it asked for a second person.
    """

    id: str
    user_id: str
    payment_id: str
    amount: Money
    tax: Money
    state: RefundState
    reason: Reason
    note: str = ""
    ticket: str = ""
    issued_by: str
    approval_needed: bool = False
    held_because: str = ""
    approved_by: str | None = None
    decided_at: datetime | None = None
    expires_at: datetime | None = None
    retry_of: str | None = None
    cancel_subscription: Ending = "no"
    revoke_access: bool = False
    policy_version: int = 0
    provider_ref: str | None
    failure_reason: str
    version: int
    created_at: datetime
    settled_at: datetime | None


class RefundPart(Struct, kw_only=True):
    """What a refund takes of one line of its payment; `quantity` is 0 unless it was asked by quantity."""

    position: int
    description: str
    quantity: int
    net: Money
    tax: Money


class RefundDetail(Refund, kw_only=True):
    """A refund with its lines."""

    lines: list[RefundPart] = []


class LineAsk(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line to refund: an amount of it, a quantity of it, or all that is left."""

    position: Annotated[int, Meta(ge=1, le=10_000)]
    amount: Minor | None = None
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class PreviewRefund(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to be refunded: an amount in minor units, or lines; without both, all that is left.

    Amounts are what the member gets back, tax included; with `net`, tax comes on top of them. What else is to happen
    is asked for apart: `cancel_subscription`, `revoke_access` (of what was paid for), `restock`. `ticket` is the
    support case that it belongs to.
    """

    amount: Minor | None = None
    currency: str | None = None
    lines: Annotated[list[LineAsk], Meta(max_length=100)] = []
    net: bool = False
    cancel_subscription: Ending = "no"
    revoke_access: bool = False
    restock: bool = False
    ticket: Ticket = ""


class IssueRefund(PreviewRefund, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A refund: `reason` is a code, `note` is free text beside it; `again` means an equal one on purpose."""

    reason: Reason
    note: Remark = ""
    again: bool = False


class Decision(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is said with a decision about a refund."""

    note: Remark = ""


class Finding(Struct, kw_only=True):
    """What one rule says of a refund: `approval` is that a second person must approve it."""

    rule: str
    state: Literal["ok", "approval", "refused"]
    detail: str


class PreviewPart(RefundPart, kw_only=True):
    """What would be taken of a line, and what would be left of it, tax included."""

    left: Money


class RefundPreview(Struct, kw_only=True):
    """What a refund would do, without doing it: `refundable` before it and `left` after it.

    `findings` are the rules it was held to, `policy_version` is 0 where none is applied. `final` cannot be undone;
    `warning` is what will come of it that is likely not meant.
    """

    payment_id: str
    user_id: str
    email: str
    purpose: str
    actor: str
    card_brand: str
    card_last_four: str
    captured: Money
    refunded: Money
    refundable: Money
    amount: Money
    net: Money
    tax: Money
    left: Money
    lines: list[PreviewPart]
    allowed: bool
    refusal: str
    approval: str
    policy_version: int
    findings: list[Finding]
    subscription: str
    access: str
    warning: str = ""
    final: str = "A refund that succeeded cannot be undone."


class RefundReview(RefundPreview, kw_only=True):
    """What approving a refund would do: as its preview, with who issued it and why, and what its approval asks for.

    `actor` is who would approve it and `allowed` is whether they may; `refunded` and `refundable` are without it;
    `held_because` is why it waits.
    """

    refund: str
    state: RefundState
    reason: Reason
    note: str
    ticket: str
    issued_by: str
    issued_at: datetime
    expires_at: datetime | None
    held_because: str = ""


Subject = Literal["support", "operator", "owner", "local", "token"]
"""Whom a limit is for: staff by role, the local owner, tokens of no staff member."""
Limit = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)] | None
Days = Annotated[int, Meta(ge=1, le=3650)] | None
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class DeskLimit(Struct, kw_only=True, forbid_unknown_fields=True):
    """What one of this role may refund, in minor units: at once, and in any 1, 7 and 30 days; None is without limit."""

    role: Subject
    currency: Currency
    one: Limit = None
    day: Limit = None
    week: Limit = None
    month: Limit = None


class MemberLimit(Struct, kw_only=True, forbid_unknown_fields=True):
    """What one member may be refunded in any 1, 7 and 30 days, by whomever."""

    currency: Currency
    day: Limit = None
    week: Limit = None
    month: Limit = None


class LimitUse(Struct, kw_only=True):
    """How far what is asked for goes within a rolling limit: `used` before it, `left` after it, negative beyond it."""

    whose: Subject
    span: Literal["day", "week", "month"]
    limit: Money
    used: Money
    asked: Money
    left: Money


class ProductRule(Struct, kw_only=True, forbid_unknown_fields=True):
    """What differs for one product."""

    product: Annotated[str, Meta(min_length=1, max_length=100)]
    refundable: bool = True
    window_days: Days = None


class Threshold(Struct, kw_only=True, forbid_unknown_fields=True):
    """Above this amount more is asked for: a ticket, or a second person."""

    currency: Currency
    above: Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]


class RefundRules(Struct, kw_only=True, forbid_unknown_fields=True):
    """A refund policy. Who has no row in `limits` may refund nothing; so it is with currencies.

    `window_days` count from the capture. Without rows, `members`, `ticket` and `approval` ask for nothing; with some, a
    currency without a row is refused, needs a ticket, or needs approval. `local_approves` is whether the local owner
    counts as a person beside the staff; unsaid, they do on dev, and elsewhere they never do. For
    `hold_after_email_change_days` after a member's e-mail became another one, each refund to them needs approval.
    """

    window_days: Days = None
    products: Annotated[list[ProductRule], Meta(max_length=500)] = []
    limits: Annotated[list[DeskLimit], Meta(max_length=200)]
    members: Annotated[list[MemberLimit], Meta(max_length=50)] = []
    ticket: Annotated[list[Threshold], Meta(max_length=50)] = []
    approval: Annotated[list[Threshold], Meta(max_length=50)] = []
    approver: Role = "operator"
    approval_days: Annotated[int, Meta(ge=1, le=90)] = 3
    hold_after_email_change_days: Days = None
    local_approves: bool | None = None


class RefundPolicy(Struct, kw_only=True):
    """The policy that holds; version 0 is none: who may issue refunds may do so without limit."""

    version: int
    rules: RefundRules | None
    applied_by: str
    created_at: datetime | None


class PolicyChange(Struct, kw_only=True):
    """One difference between the policy that holds and a file."""

    path: str
    before: Any = None
    after: Any = None


class PolicyDiff(Struct, kw_only=True):
    """What applying a policy changes: `version` is the one that holds, or after applying the new one."""

    version: int
    changes: list[PolicyChange]


LIST = listing("refunds.list", "/refunds", Refund)
SHOW = read("refunds.show", "/refunds/{refund}", RefundDetail)
PREVIEW = Operation(
    "refunds.preview", "POST", "/payments/{payment}/refund-preview", RefundPreview, body=PreviewRefund, kind="read"
)
REVIEW = read("refunds.review", "/refunds/{refund}/review", RefundReview)
ISSUE = write("refunds.issue", "POST", "/payments/{payment}/refunds", Refund, body=IssueRefund, money=True, status=201)
APPROVE = write("refunds.approve", "POST", "/refunds/{refund}/approve", Refund, body=Decision, money=True)
REJECT = write("refunds.reject", "POST", "/refunds/{refund}/reject", Refund, body=Decision)
CANCEL = write("refunds.cancel", "POST", "/refunds/{refund}/cancel", Refund, body=Decision)
RETRY = write("refunds.retry", "POST", "/refunds/{refund}/retry", Refund, money=True)
POLICY = read("refund_policy.show", "/refund-policy", RefundPolicy)
PLAN_POLICY = Operation("refund_policy.plan", "POST", "/refund-policy/diff", PolicyDiff, body=RefundRules, kind="read")
APPLY_POLICY = write("refund_policy.apply", "PUT", "/refund-policy", PolicyDiff, body=RefundRules)
