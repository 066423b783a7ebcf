"""What crosses the API about entitlements, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from rtp.operations import listing, read
from rtp.subscriptions.schemas import Status

Why = Literal[
    "active", "trial", "grace", "ending",
    "first_payment_open", "never_paid", "grace_over", "unpaid", "paused", "canceled", "revoked",
    "user_suspended", "none",
]  # fmt: skip
"""Why a product is open (the first four) or closed; `ending`: canceled, but paid until `until`."""


class Entitlement(Struct, kw_only=True):
    """Whether a product is open to a member; `source_id` is the subscription that decided it, `until` its known end.

    `revoked_until` is set while a refund took back what was paid for: only what is paid for a later time opens it.
    """

    id: str
    user_id: str
    product: str
    open: bool
    why: Why
    until: datetime | None
    source_id: str
    opened_at: datetime | None
    closed_at: datetime | None
    version: int
    revoked_until: datetime | None = None


class Source(Struct, frozen=True, kw_only=True):
    """The subscription that decides about a product: `ending_at` is set when it was canceled for that time.

    `paid_until` is the end of what is paid for.
    """

    user_id: int
    product_id: UUID
    product: str
    source_id: UUID
    status: Status
    ending_at: datetime | None
    grace_until: datetime | None
    paid_until: datetime


class Decision(Struct, kw_only=True):
    """The answer to a storefront: may this member use this product now? `until` is when to ask again at the latest."""

    user_id: str
    product: str
    open: bool
    why: Why
    until: datetime | None
    entitlement_id: str | None


LIST = listing("entitlements.list", "/entitlements", Entitlement)
SHOW = read("entitlements.show", "/entitlements/{entitlement}", Entitlement)
CHECK = read("entitlements.check", "/users/{user}/entitlements/{product}", Decision)
