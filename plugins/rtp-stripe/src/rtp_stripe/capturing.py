"""Taking what was reserved, once; the key is noted on the PaymentIntent, as Stripe forgets it after a day."""

from __future__ import annotations

from rtp.kit.money import Money
from rtp.payments.errors import ProviderKeyReused, ProviderRefused
from rtp.payments.ports import ProviderCharge
from rtp_stripe import failures, objects, units
from rtp_stripe.calls import LATEST, Calls, fields


async def capture(calls: Calls, key: str, charge_ref: str, amount: Money) -> ProviderCharge:
    """Take a part of what was reserved, or all of it.

    Raises: ProviderRefused, ProviderKeyReused, ProviderOutcomeUnknown, ProviderUnavailable.
    """
    wanted = units.to_stripe(amount)
    with failures.reading():
        intent = await calls.intent(charge_ref)
    notes, held = intent.get("metadata") or {}, objects.charge(intent)
    if notes.get(objects.CAPTURE_KEY) == key and notes.get(objects.CAPTURED) != str(wanted):
        raise ProviderKeyReused(key=key)
    if held.state == "succeeded" and notes.get(objects.CAPTURE_KEY) == key:
        return held
    if held.state != "authorized":
        raise ProviderRefused(why=f"the charge {charge_ref} is {held.state}")
    if amount.currency != held.amount.currency or amount > held.amount:
        raise ProviderRefused(why=f"{amount} is not a part of the {held.amount} that were authorized")
    with failures.moving(key):
        intents = calls.client.v1.payment_intents
        await intents.update_async(charge_ref, {"metadata": {objects.CAPTURE_KEY: key, objects.CAPTURED: str(wanted)}})
        taken = await intents.capture_async(
            charge_ref, {"amount_to_capture": wanted, "expand": [LATEST]}, {"idempotency_key": key}
        )
        return objects.charge(fields(taken))
