"""What crosses the API about refunds, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.money import MAX_AMOUNT, Money
from rtp.operations import listing, read, write

RefundState = Literal["created", "submitted", "pending", "unknown", "succeeded", "failed", "canceled"]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
Minor = Annotated[int, Meta(ge=1, le=MAX_AMOUNT)]
"""An amount in minor units of the payment's currency."""


class Refund(Struct, kw_only=True):
    """Money on its way back, or returned: `provider_key` is the same for every attempt of this refund."""

    id: str
    user_id: str
    payment_id: str
    amount: Money
    state: RefundState
    reason: str
    issued_by: str
    provider_ref: str | None
    failure_reason: str
    version: int
    created_at: datetime
    settled_at: datetime | None


class RefundPreview(Struct, kw_only=True):
    """What a refund would do, without doing it: `refundable` before it and `left` after it."""

    payment_id: str
    user_id: str
    email: str
    purpose: str
    card_brand: str
    card_last_four: str
    captured: Money
    refunded: Money
    refundable: Money
    amount: Money
    left: Money
    allowed: bool
    refusal: str
    final: str = "A refund that succeeded cannot be undone."
    access: str = "Services stay open; end them with rtp subscriptions cancel."


class IssueRefund(Struct, kw_only=True, forbid_unknown_fields=True):
    """A refund: `amount` in minor units, all that is left without it; `again` means an equal one on purpose."""

    reason: Reason
    amount: Minor | None = None
    currency: str | None = None
    again: bool = False


LIST = listing("refunds.list", "/refunds", Refund)
SHOW = read("refunds.show", "/refunds/{refund}", Refund)
PREVIEW = read("refunds.preview", "/payments/{payment}/refund-preview", RefundPreview)
ISSUE = write("refunds.issue", "POST", "/payments/{payment}/refunds", Refund, body=IssueRefund, money=True, status=201)
