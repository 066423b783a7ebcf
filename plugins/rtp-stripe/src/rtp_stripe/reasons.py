"""Stripe's reasons in the words of the port, and ours in Stripe's closed list; pure."""

from __future__ import annotations

from typing import Any

CLOSED = frozenset({"duplicate", "fraudulent", "requested_by_customer"})
"""All that Stripe takes as the reason of a refund."""
DECLINES = {
    "generic_decline": "card_declined",
    "insufficient_funds": "insufficient_funds",
    "expired_card": "expired_card",
    "do_not_honor": "do_not_honor",
    "fraudulent": "fraudulent",
    "merchant_blacklist": "fraudulent",
    "lost_card": "lost_card",
    "stolen_card": "lost_card",
    "pickup_card": "lost_card",
    "processing_error": "processing_error",
    "issuer_not_available": "processing_error",
    "reenter_transaction": "processing_error",
    "try_again_later": "processing_error",
}
REFUNDS = {
    "lost_or_stolen_card": "lost_card",
    "expired_or_canceled_card": "card_account_closed",
    "charge_for_pending_refund_disputed": "charge_disputed",
    "declined": "card_declined",
    "insufficient_funds": "insufficient_funds",
}
REFUSALS = {
    "charge_already_refunded": "charge_already_refunded",
    "charge_disputed": "charge_disputed",
    "resource_missing": "charge_not_found",
}
"""Codes with which Stripe turns a refund down without keeping it."""


def of_refund(reason: str) -> str:
    """Our reason in Stripe's closed list; `fraudulent` there also blocks the card, so it is never a guess."""
    return reason if reason in CLOSED else "requested_by_customer"


def of_decline(error: dict[str, Any] | None, status: str) -> str:
    """Why a charge failed; what no word of ours says is kept as Stripe wrote it."""
    if not error:
        return status
    code = str(error.get("decline_code") or error.get("code") or "card_declined")
    return DECLINES.get(code, "card_declined" if error.get("decline_code") else code)


def of_failure(reason: str | None, status: str) -> str:
    """Why a refund failed after it was taken."""
    return REFUNDS.get(reason or "", reason or status)
