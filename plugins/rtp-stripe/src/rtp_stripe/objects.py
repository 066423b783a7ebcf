"""Stripe's objects as the port's; pure. Each is read from the same fields whether it was fetched or told by webhook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rtp.kit.money import Money
from rtp.payments.ports import ChargeState, DisputeState, ProviderCharge, ProviderDispute, ProviderRefund, RefundState
from rtp_stripe import reasons
from rtp_stripe.units import from_stripe

KEY, CARD, REQUEST, REASON = "rtp_key", "rtp_card", "rtp_request", "rtp_reason"
CAPTURE_KEY, CAPTURED = "rtp_capture_key", "rtp_captured"
Fields = Mapping[str, Any]
EVIDENCE_DAYS = 7

INTENTS: dict[str, ChargeState] = {
    "requires_capture": "authorized",
    "succeeded": "succeeded",
    "processing": "pending",
    "requires_action": "pending",
    "requires_confirmation": "pending",
    "requires_payment_method": "failed",
    "canceled": "failed",
}
REFUNDS: dict[str | None, RefundState] = {
    None: "pending",  # a nullable field
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
DISPUTES: dict[str, DisputeState] = {
    "needs_response": "needs_response",
    "warning_needs_response": "needs_response",
    "under_review": "under_review",
    "warning_under_review": "under_review",
    "won": "won",
    "warning_closed": "won",
    "prevented": "won",
    "lost": "lost",
}


def charge(intent: Fields) -> ProviderCharge:
    """A PaymentIntent; one that was not made by us bears its own id as key."""
    notes, currency = intent.get("metadata") or {}, intent["currency"]
    state = INTENTS[intent["status"]]
    taken = _taken(intent, notes) if state == "succeeded" else 0
    failed = state == "failed"
    return ProviderCharge(
        ref=intent["id"],
        key=notes.get(KEY) or intent["id"],
        amount=from_stripe(intent["amount"], currency),
        captured=from_stripe(taken, currency),
        fee=from_stripe(_fee(intent) if taken else 0, currency),
        card_ref=notes.get(CARD) or id_of(intent.get("payment_method")),
        state=state,
        failure_reason=reasons.of_decline(intent.get("last_payment_error"), intent["status"])
        if failed
        else _waits(intent),
        created_at=instant(intent["created"]),
    )


def is_business(intent: Fields) -> bool:
    """Whether money was or may be moved by a PaymentIntent; a payer who never came to pay is none of our business."""
    return KEY in (intent.get("metadata") or {}) or INTENTS[intent["status"]] in {"succeeded", "authorized"}


def told_charge(charge: Fields) -> ProviderCharge:
    """A Charge as a webhook tells it; its metadata is a copy of its PaymentIntent's, and its fee is not in it."""
    notes, currency = charge.get("metadata") or {}, charge["currency"]
    state: ChargeState = charge["status"]
    if state == "succeeded" and not charge["captured"]:
        state = "authorized"
    taken = charge.get("amount_captured", charge["amount"]) if state == "succeeded" else 0
    ref = id_of(charge.get("payment_intent")) or charge["id"]
    error = {"decline_code": (charge.get("outcome") or {}).get("reason"), "code": charge.get("failure_code")}
    return ProviderCharge(
        ref=ref,
        key=notes.get(KEY) or ref,
        amount=from_stripe(charge["amount"], currency),
        captured=from_stripe(taken, currency),
        fee=from_stripe(0, currency),
        card_ref=notes.get(CARD) or id_of(charge.get("payment_method")),
        state=state,
        failure_reason=reasons.of_decline(error, "failed") if state == "failed" else "",
        created_at=instant(charge["created"]),
    )


def refund(refund: Fields) -> ProviderRefund:
    """A Refund; one that was not made by us bears its own id as key."""
    notes, state = refund.get("metadata") or {}, REFUNDS[refund["status"]]
    return ProviderRefund(
        ref=refund["id"],
        key=notes.get(KEY) or refund["id"],
        charge_ref=id_of(refund.get("payment_intent")) or id_of(refund.get("charge")),
        amount=from_stripe(refund["amount"], refund["currency"]),
        reason=notes.get(REASON) or refund.get("reason") or "",
        state=state,
        failure_reason=reasons.of_failure(refund.get("failure_reason"), state) if state == "failed" else _waits(refund),
        created_at=instant(refund["created"]),
    )


def dispute(dispute: Fields) -> ProviderDispute:
    """A Dispute; its key is known only where its PaymentIntent is expanded, else it is empty."""
    intent, created = dispute.get("payment_intent"), instant(dispute["created"])
    due = (dispute.get("evidence_details") or {}).get("due_by")
    notes = intent.get("metadata") or {} if isinstance(intent, Mapping) else {}
    return ProviderDispute(
        ref=dispute["id"],
        key=notes.get(KEY, ""),
        charge_ref=id_of(intent) or id_of(dispute.get("charge")),
        amount=from_stripe(dispute["amount"], dispute["currency"]),
        reason=dispute["reason"],
        state=DISPUTES[dispute["status"]],
        due_by=instant(due) if due else created + timedelta(days=EVIDENCE_DAYS),
        created_at=created,
        fee=_dispute_fee(dispute),
    )


def instant(seconds: int) -> datetime:
    """An instant of Stripe's, which are whole seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def id_of(value: Any) -> str:
    """The id of an object that may be expanded, or empty."""
    return str(value["id"]) if isinstance(value, Mapping) else value or ""


def _waits(thing: Fields) -> str:
    """That the payer must act before it goes on: confirm a charge, or say where a refund may go."""
    return "requires_action" if thing["status"] == "requires_action" else ""


def _taken(intent: Fields, notes: Fields) -> int:
    """What was captured; localstripe does not say it, so a partial capture is noted in the metadata beforehand."""
    return int(intent.get("amount_received") or notes.get(CAPTURED) or intent["amount"])


def _dispute_fee(dispute: Fields) -> Money | None:
    """What Stripe keeps for it, less what it gave back; not told where the account settles in another currency."""
    entries, currency = dispute.get("balance_transactions") or [], dispute["currency"]
    if any(entry["currency"] != currency for entry in entries):
        return None
    return from_stripe(max(0, sum(int(entry["fee"]) for entry in entries)), currency)


def _fee(intent: Fields) -> int:
    """What Stripe keeps; where it settles in another currency that is not told in the charge's, and so not booked."""
    latest = intent.get("latest_charge")
    entry = latest.get("balance_transaction") if isinstance(latest, Mapping) else None
    same = isinstance(entry, Mapping) and entry["currency"] == intent["currency"]
    return int(entry["fee"]) if same and entry else 0
