"""Which state of a subscription opens its product, why, and until when. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rtp.entitlements.schemas import Why
from rtp.subscriptions.schemas import Status

CLOSED: dict[Status, Why] = {
    "incomplete": "first_payment_open",
    "incomplete_expired": "never_paid",
    "unpaid": "unpaid",
    "paused": "paused",
    "canceled": "canceled",
}

"""Why a product is closed, by the state of its subscription."""
OVER: dict[Why, Why] = {"grace": "grace_over", "ending": "canceled"}
"""What an open entitlement's reason turns into once its end has passed."""


@dataclass(frozen=True)
class Access:
    """What a subscription gives: open or not, why, and the instant that closes it without any further event."""

    open: bool
    why: Why
    until: datetime | None = None


def access(status: Status, *, ending_at: datetime | None, grace_until: datetime | None, now: datetime) -> Access:
    """The access that a subscription gives at an instant; `ending_at` is set when it was canceled for that time.

    An active subscription has no end: it stays open while its renewal is charged, and until that has failed.
    """
    if (closed := CLOSED.get(status)) is not None:
        return Access(False, closed)
    if status == "past_due":
        until = grace_until or now
        return Access(True, "grace", until) if now < until else Access(False, "grace_over")
    if ending_at is not None:
        return Access(True, "ending", ending_at) if now < ending_at else Access(False, "canceled")
    return Access(True, "trial" if status == "trialing" else "active")


def seen(open_: bool, why: Why, until: datetime | None, now: datetime) -> tuple[bool, Why]:
    """How a stored entitlement stands now: the worker may be late to close what has ended, a reader is not."""
    if open_ and not still_open(open_, until, now):
        return False, OVER[why]
    return open_, why


def still_open(open_: bool, until: datetime | None, now: datetime) -> bool:
    """Whether what was decided earlier is open now: the end is exclusive."""
    return open_ and (until is None or now < until)
