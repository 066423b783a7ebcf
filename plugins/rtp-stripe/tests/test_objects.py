"""Stripe's objects in our words, where its reference says more than a state. Pure."""

from __future__ import annotations

from typing import Any

from rtp_stripe import objects

REFUND: dict[str, Any] = {
    "id": "re_1", "object": "refund", "status": "succeeded", "amount": 400, "currency": "usd", "created": 1_700_000_000,
    "payment_intent": "pi_1", "reason": "duplicate", "metadata": {"rtp_key": "k", "rtp_reason": "duplicate"},
}  # fmt: skip
INTENT: dict[str, Any] = {
    "id": "pi_1", "object": "payment_intent", "status": "requires_action", "amount": 1000, "amount_received": 0,
    "currency": "usd", "created": 1_700_000_000, "payment_method": "pm_1", "metadata": {"rtp_key": "k"},
}  # fmt: skip


def test_a_refund_that_failed_after_it_succeeded_is_a_failed_one() -> None:
    """docs.stripe.com/refunds#failed-refunds: the amount is back by a balance transaction of its own."""
    failed = REFUND | {
        "status": "failed", "failure_reason": "expired_or_canceled_card", "balance_transaction": "txn_1",
        "failure_balance_transaction": "txn_2",
    }  # fmt: skip
    before, now = objects.refund(REFUND), objects.refund(failed)
    assert (before.state, before.failure_reason) == ("succeeded", "")
    assert (now.ref, now.key, now.state, now.failure_reason) == ("re_1", "k", "failed", "card_account_closed")


def test_a_refund_and_a_charge_that_wait_for_the_payer_say_so() -> None:
    """docs.stripe.com/refunds: `requires_action` is that Stripe waits for the customer's bank details."""
    refund = objects.refund(REFUND | {"status": "requires_action"})
    assert (refund.state, refund.failure_reason) == ("pending", "requires_action")
    assert objects.refund(REFUND | {"status": "pending"}).failure_reason == ""
    charge = objects.charge(INTENT)
    assert (charge.state, charge.failure_reason) == ("pending", "requires_action")
