"""Taking and reserving money: one PaymentIntent for one key, confirmed at once and without the card's holder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import stripe

from rtp.kit.money import Money
from rtp.payments.errors import ProviderDeclined, ProviderKeyReused
from rtp.payments.ports import DECLINES, ProviderCharge, declined, in_words
from rtp_stripe import cards, failures, finding, objects, reasons, units
from rtp_stripe.calls import LATEST, Calls, Fields, fields


@dataclass(frozen=True)
class Asked:
    """What is to be charged."""

    key: str
    amount: Money
    card_ref: str
    description: str
    capture: bool

    def digest(self) -> str:
        """What tells this request from another under the same key."""
        parts = (self.amount.amount, self.amount.currency, self.card_ref, self.description, self.capture)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


async def charge(calls: Calls, asked: Asked) -> ProviderCharge:
    """Take or reserve the money, unless it was done under this key before.

    Raises: ProviderDeclined, ProviderKeyReused, ProviderOutcomeUnknown, ProviderUnavailable, ProviderRefused.
    """
    request = _request(asked, units.to_stripe(asked.amount))
    found = None if finding.surely_new(calls, asked.key) else await finding.intent_by_key(calls, asked.key)
    if found is None:
        found = await _made(calls, asked, request)
    if found["metadata"].get(objects.REQUEST) != asked.digest():
        raise ProviderKeyReused(key=asked.key)
    made = objects.charge(found)
    if made.state == "failed":
        raise declined(made)
    return made


def _request(asked: Asked, amount: int) -> dict[str, Any]:
    notes = {objects.KEY: asked.key, objects.CARD: asked.card_ref, objects.REQUEST: asked.digest()}
    return {
        "amount": amount,
        "currency": asked.amount.currency.lower(),
        "payment_method": asked.card_ref,
        "payment_method_types": ["card"],  # others would want a page to return to
        "capture_method": "automatic" if asked.capture else "manual",  # the asynchronous one answers without the fee
        "confirm": True,
        "off_session": True,
        "metadata": notes,
        "expand": [LATEST],
    }


async def _made(calls: Calls, asked: Asked, request: dict[str, Any]) -> Fields:
    """A PaymentIntent of this request, also where the card was declined."""
    if customer := await cards.customer_of(calls, asked.card_ref):
        request["customer"] = customer
    if calls.dialect.descriptions:
        request["description"] = asked.description
    with failures.moving(asked.key):
        try:
            options: Any = {"idempotency_key": asked.key}
            made = fields(await calls.client.v1.payment_intents.create_async(request, options))  # type: ignore[arg-type]
            if made["status"] == "requires_action":  # nobody is there to act, and later it would be a surprise
                made = fields(await calls.client.v1.payment_intents.cancel_async(made["id"], {"expand": [LATEST]}))
        except stripe.CardError as error:
            return await _refused(calls, asked, error)
    return made


async def _refused(calls: Calls, asked: Asked, error: stripe.CardError) -> Fields:
    """The PaymentIntent that a declined card leaves behind.

    Raises: ProviderDeclined where it leaves none.
    """
    told = error.error.to_dict() if error.error is not None else {}
    ref = objects.id_of(told.get("payment_intent"))
    found = await calls.intent(ref) if ref else await finding.intent_by_key(calls, asked.key)
    if found is None:
        reason = reasons.of_decline(told, "card_declined")
        raise ProviderDeclined(
            reason=in_words(reason), decline_code=reason, decline_class=DECLINES.get(reason, "later"), charge_ref=""
        )
    return found
