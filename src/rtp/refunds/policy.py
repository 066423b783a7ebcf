"""Rules of refunds: the state machine, what holds money, what counts as a repeat. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from rtp.kit.money import Money
from rtp.refunds.errors import IllegalRefundMove
from rtp.refunds.schemas import Refund, RefundState

MOVES: dict[tuple[RefundState, str], RefundState] = {
    ("waiting", "approve"): "created",
    ("waiting", "reject"): "rejected",
    ("waiting", "expire"): "expired",
    ("created", "submit"): "submitted",
    ("created", "cancel"): "canceled",
    ("submitted", "pend"): "pending",
    ("submitted", "succeed"): "succeeded",
    ("submitted", "fail"): "failed",
    ("submitted", "lose"): "unknown",
    ("pending", "pend"): "pending",
    ("pending", "succeed"): "succeeded",
    ("pending", "fail"): "failed",
    ("unknown", "pend"): "pending",
    ("unknown", "succeed"): "succeeded",
    ("unknown", "fail"): "failed",
    ("succeeded", "come_back"): "failed",
}
"""(from, event) → to. `lose` is an answer that did not come; `unknown` is left by asking the provider only.

`pend` of what is pending is that it waits for something else now. `come_back` is money that the member's bank sent back
after it was returned, days later perhaps: only the provider can say so, and only when it is asked. It is the one way
out of a settled state.
"""

HOLDING: frozenset[RefundState] = frozenset({"waiting", "created", "submitted", "pending", "unknown", "succeeded"})
"""States that took or may still take money."""

SETTLED: frozenset[RefundState] = frozenset({"succeeded", "failed", "canceled", "rejected", "expired"})
PENDING_AFTER = (3600.0, 86_400.0)
"""Seconds after which a provider that is at it is asked how it ended: an hour, then a day; else its webhook says so."""
REPEAT_WINDOW = timedelta(minutes=10)


def moved(key: str, state: RefundState, event: str) -> RefundState:
    """The state after an event.

    Raises: IllegalRefundMove.
    """
    if (to := MOVES.get((state, event))) is None:
        raise IllegalRefundMove(key=key, state=state, event=event)
    return to


def held(refunds: Iterable[Refund], currency: str) -> Money:
    """What refunds took or may still take."""
    return Money.total((refund.amount for refund in refunds if refund.state in HOLDING), currency)
