"""Rules of payments: the state machine, and what is left to refund. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rtp.kit.money import Money
from rtp.payments.errors import IllegalPaymentMove
from rtp.payments.schemas import ChargeLine, PaymentState

MOVES: dict[tuple[PaymentState, str], PaymentState] = {
    ("created", "submit"): "submitted",
    ("created", "fail"): "failed",
    ("submitted", "submit"): "submitted",
    ("submitted", "succeed"): "succeeded",
    ("submitted", "fail"): "failed",
    ("submitted", "lose"): "unknown",
    ("unknown", "succeed"): "succeeded",
    ("unknown", "fail"): "failed",
}
"""(from, event) → to. `lose` is an answer that did not come; `unknown` is left by asking the provider only."""

SETTLED: frozenset[PaymentState] = frozenset({"succeeded", "failed"})
RECONCILE_AFTER = (10.0, 300.0, 3600.0, *(86_400.0,) * 5)
"""Seconds after which a provider is asked again for what it did under a key: soon, after 5 min, 1 h, then daily x 5."""


def moved(key: str, state: PaymentState, event: str) -> PaymentState:
    """The state after an event.

    Raises: IllegalPaymentMove.
    """
    if (to := MOVES.get((state, event))) is None:
        raise IllegalPaymentMove(key=key, state=state, event=event)
    return to


def refundable(captured: Money, held: Money, lost: Money) -> Money:
    """Captured, less every refund that took or may still take money, less lost disputes; never below zero."""
    left = captured - held - lost
    return left if left.amount > 0 else Money.zero(captured.currency)


def lines(amount: Money, purpose: str, given: Sequence[ChargeLine]) -> list[ChargeLine]:
    """The lines of a charge; without any, it is one line that holds no tax.

    Raises: ValueError for lines that do not sum to the amount.
    """
    sold = list(given) or [ChargeLine(description=purpose, net=amount)]
    total = Money.total((line.net + line.taxed for line in sold), amount.currency)
    if total != amount:
        raise ValueError(f"the lines sum to {total}, and {amount} is charged")
    return sold
