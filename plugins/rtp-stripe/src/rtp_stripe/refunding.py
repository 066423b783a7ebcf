"""Returning money. Stripe keeps nothing of a refund that it turns down, so that answer is made here."""

from __future__ import annotations

from typing import Any

import stripe

from rtp.kit.money import Money
from rtp.payments.errors import ProviderKeyReused
from rtp.payments.ports import ProviderRefund
from rtp_stripe import failures, finding, objects, reasons, units
from rtp_stripe.calls import Calls, fields


async def refund(calls: Calls, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
    """Return money of a charge, unless it was done under this key before.

    The charge is read first: a refund names no currency at Stripe, so 1000 JPY would become 10.00 USD. Raises:
    ProviderKeyReused, ProviderOutcomeUnknown, ProviderUnavailable, ProviderRefused.
    """
    wanted = units.to_stripe(amount)
    if why := await _refusal(calls, charge_ref, amount):
        return _failed(calls, key, charge_ref, amount, reason, why)
    if not finding.surely_new(calls, key):
        made = next((one for one in await finding.refunds_of(calls, charge_ref) if one.key == key), None)
        if made is not None:
            if (made.amount, made.reason) != (amount, reason):
                raise ProviderKeyReused(key=key)
            return made
    request: Any = {
        "payment_intent": charge_ref,
        "amount": wanted,
        "metadata": {objects.KEY: key, objects.REASON: reason},
    }
    if calls.dialect.reasons:
        request["reason"] = reasons.of_refund(reason)
    with failures.moving(key):
        try:
            return objects.refund(fields(await calls.client.v1.refunds.create_async(request, {"idempotency_key": key})))
        except stripe.InvalidRequestError as error:
            if why := _turned_down(error):
                return _failed(calls, key, charge_ref, amount, reason, why)
            raise


async def _refusal(calls: Calls, charge_ref: str, amount: Money) -> str:
    """Why a charge cannot be refunded at all, or empty."""
    if not charge_ref.startswith("pi_"):
        return "charge_not_found"
    try:
        charge = objects.charge(await calls.intent(charge_ref))
    except stripe.StripeError as error:
        if failures.missing(error):
            return "charge_not_found"
        raise failures.meaning(error, None) from error
    if charge.amount.currency != amount.currency:
        return "currency_mismatch"
    return "" if charge.state == "succeeded" else "charge_not_captured"


def _turned_down(error: stripe.InvalidRequestError) -> str:
    """Why Stripe turned a refund down; a part that is too large it only names by its parameter."""
    return reasons.REFUSALS.get(error.code or "", "charge_already_refunded" if error.param == "amount" else "")


def _failed(calls: Calls, key: str, charge_ref: str, amount: Money, reason: str, why: str) -> ProviderRefund:
    return ProviderRefund(
        ref="",
        key=key,
        charge_ref=charge_ref,
        amount=amount,
        reason=reason,
        state="failed",
        failure_reason=why,
        created_at=objects.instant(int(calls.clock())),
    )
