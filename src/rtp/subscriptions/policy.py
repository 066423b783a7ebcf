"""Rules of subscriptions: the state machine, what falls due next, when a failed charge is tried again. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from rtp.subscriptions.errors import SubscriptionStateRefused
from rtp.subscriptions.schemas import Status

Event = Literal["paid", "payment_failed", "expire", "end_trial", "pause", "resume", "charge", "end_grace", "cancel"]
Ending = Literal["end_trial", "cancel", "expire", "end_grace"]
Step = Literal["wait", "charge", "decline"] | Ending

MOVES: dict[tuple[Status, Event], Status] = {
    ("incomplete", "paid"): "active",
    ("incomplete", "payment_failed"): "incomplete",
    ("incomplete", "expire"): "incomplete_expired",
    ("incomplete", "cancel"): "canceled",
    ("trialing", "paid"): "active",
    ("trialing", "payment_failed"): "past_due",
    ("trialing", "end_trial"): "paused",
    ("trialing", "cancel"): "canceled",
    ("active", "paid"): "active",
    ("active", "payment_failed"): "past_due",
    ("active", "pause"): "paused",
    ("active", "cancel"): "canceled",
    ("past_due", "paid"): "active",
    ("past_due", "payment_failed"): "past_due",
    ("past_due", "end_grace"): "unpaid",
    ("past_due", "cancel"): "canceled",
    ("unpaid", "paid"): "active",
    ("unpaid", "cancel"): "canceled",
    ("paused", "resume"): "active",
    ("paused", "charge"): "incomplete",
    ("paused", "cancel"): "canceled",
}
"""(from, event) → to; every other move is refused. `end_trial` is the end of a trial without a card, `charge`
going on after it, `payment_failed` a charge that fell due: one made by hand leaves the state as it was."""

LIVE: frozenset[Status] = frozenset({"incomplete", "trialing", "active", "past_due", "unpaid", "paused"})
"""States that hold the member's one place for a product; the others are final."""
CHARGEABLE: frozenset[Status] = frozenset({"incomplete", "trialing", "active", "past_due", "unpaid"})
"""States in which the next period may be charged by hand."""

TIME_TO_PAY = timedelta(hours=23)
"""How long a first payment may stay open (as with Stripe's incomplete)."""
GRACE = timedelta(days=7)
"""Access goes on this long after a renewal failed."""
RETRIES = (timedelta(days=2), timedelta(days=7), timedelta(days=14), timedelta(days=21))
"""When a failed renewal is tried again, counted from the first failure (Polar: +2, +5, +7, +7 days)."""
HARD_DECLINES = frozenset({"lost_card", "stolen_card", "pickup_card", "fraudulent", "account_closed", "card_not_known"})
"""Reasons that no further try can heal, so none is made."""
LOOK_AGAIN = timedelta(hours=1)
"""When a charge is still under way at the due time, it is looked at again this much later."""


def moved(subscription: str, status: Status, event: Event) -> Status:
    """The status after an event.

    Raises: SubscriptionStateRefused.
    """
    if (to := MOVES.get((status, event))) is None:
        raise SubscriptionStateRefused(subscription=subscription, status=status, event=event.replace("_", " "))
    return to


def tries_again(failures: int, reason: str) -> bool:
    """Whether a charge that failed `failures` times in a row, last for `reason`, is tried again."""
    return reason not in HARD_DECLINES and failures <= len(RETRIES)


def act_after_failure(first_failure: datetime, failures: int, reason: str) -> datetime:
    """When to act on a past-due subscription: at the next try, or at the end of its grace when there is none."""
    return first_failure + (RETRIES[failures - 1] if tries_again(failures, reason) else GRACE)


@dataclass(frozen=True, kw_only=True)
class Due:
    """What decides about a subscription whose time has come.

    `charging`: a payment is under way; `ending`: it was canceled for the end of the period; `failures`: due charges
    that failed in a row, `failure`: the last reason.
    """

    status: Status
    charging: bool = False
    ending: bool = False
    with_card: bool = True
    grace_over: bool = False
    failures: int = 0
    failure: str = ""


def step(due: Due) -> Step:
    """What is to be done now."""
    if due.charging:
        return "wait"
    if due.status == "incomplete":
        return "expire"
    if due.status == "past_due":
        return _past_due_step(due)
    if due.status not in {"trialing", "active"}:
        return "wait"
    if due.ending:
        return "cancel"
    if due.with_card:
        return "charge"
    return "end_trial" if due.status == "trialing" else "decline"


def _past_due_step(due: Due) -> Step:
    if due.with_card and tries_again(due.failures, due.failure):
        return "charge"
    return "end_grace" if due.grace_over else "wait"
