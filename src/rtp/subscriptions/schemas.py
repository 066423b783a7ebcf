"""What crosses the API about subscriptions, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.money import Money
from rtp.kit.text import Email
from rtp.operations import Operation, listing, read, write
from rtp.payments.schemas import CardName

Status = Literal["incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "paused", "canceled"]
PaymentState = Literal["none", "pending", "succeeded", "failed"]
Interval = Literal["day", "week", "month", "quarter", "year"]
Key = Annotated[str, Meta(min_length=1, max_length=200)]
"""An id or a natural key."""
Card = Annotated[str, Meta(pattern=r"^[a-z][A-Za-z0-9_-]{1,63}$")]
"""A payment method's id, or a card by the provider's token, such as the sandbox's `visa`; never a card number."""
MAX_IMPORT_ROWS = 600
"""Rows that one import batch may hold, so that its transaction stays below two seconds on a busy machine too."""


class Subscription(Struct, kw_only=True):
    """A member's subscription: `period_end` is what is paid for (or the trial's end), `due_at` the next automatic step.

    Product, price, amount and interval are those of the day it was bought. `payment_*` tell of the latest charge.
    """

    id: str
    user_id: str
    product: str
    price: str
    amount: Money
    interval: Interval
    interval_count: int
    status: Status
    period_start: datetime
    period_end: datetime
    trial_end: datetime | None
    cancel_at_period_end: bool
    due_at: datetime | None
    grace_until: datetime | None
    payment_method_id: str | None
    payment_id: str | None
    payment_state: PaymentState
    payment_failure: str
    paused_at: datetime | None
    ended_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class Service(Struct, kw_only=True):
    """One service on the support page: whether it is open, why, until when, and what is charged next."""

    product: str
    open: bool
    why: str
    until: datetime | None
    subscription_id: str
    price: str
    status: Status
    period_end: datetime
    next_charge_at: datetime | None
    next_charge: Money | None


class CreateSubscription(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new subscription; `card` may be left out when the member has a card, or the price a trial."""

    user: Key
    price: Key
    card: Card | None = None


class CancelSubscription(Struct, kw_only=True, forbid_unknown_fields=True):
    """When it ends: at the end of what is paid for, or `now`."""

    now: bool = False


class RenewSubscription(Struct, kw_only=True, forbid_unknown_fields=True):
    """Charge the next period by hand, with another card if one is named; it becomes the subscription's card."""

    card: Card | None = None


class ResumeSubscription(Struct, kw_only=True, forbid_unknown_fields=True):
    """Go on after a pause, or take back a cancellation that has not come into force."""

    card: Card | None = None


class ImportRow(Struct, kw_only=True, forbid_unknown_fields=True):
    """One line of an import: `row` is its number in the caller's file."""

    row: int
    email: Email
    price: Key
    card: CardName | None = None


class RefusedRow(Struct, kw_only=True):
    """A line that was not taken, and why."""

    row: int
    email: str
    code: str
    message: str


class ImportResult(Struct, kw_only=True):
    """What became of a batch; `existing` members were subscribed before and were left as they are."""

    created: int
    existing: int
    charged: int
    refused: list[RefusedRow]


CREATE = write(
    "subscriptions.create", "POST", "/subscriptions", Subscription, body=CreateSubscription, money=True, status=201
)
LIST = listing("subscriptions.list", "/subscriptions", Subscription)
SHOW = read("subscriptions.show", "/subscriptions/{subscription}", Subscription)
CANCEL = write(
    "subscriptions.cancel", "POST", "/subscriptions/{subscription}/cancel", Subscription, body=CancelSubscription
)
PAUSE: Operation[None, Subscription] = write(
    "subscriptions.pause", "POST", "/subscriptions/{subscription}/pause", Subscription
)
RESUME = write(
    "subscriptions.resume",
    "POST",
    "/subscriptions/{subscription}/resume",
    Subscription,
    body=ResumeSubscription,
    money=True,
)
RENEW = write(
    "subscriptions.renew",
    "POST",
    "/subscriptions/{subscription}/renew",
    Subscription,
    body=RenewSubscription,
    money=True,
)
IMPORT = write(
    "subscriptions.import",
    "POST",
    "/subscriptions/import",
    ImportResult,
    body=ImportRow,
    media="ndjson",
    money=True,
)
