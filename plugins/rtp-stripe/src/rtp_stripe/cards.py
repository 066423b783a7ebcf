"""Cards. No number of one comes here: the payer's browser gives it to Stripe, and we get its PaymentMethod."""

from __future__ import annotations

import re

import stripe

from rtp.payments.errors import CardNotKnown, ProviderRefused
from rtp.payments.ports import ProviderCard
from rtp_stripe import failures, objects
from rtp_stripe.calls import Calls, Fields, fields

KNOWN = "made by Stripe.js, as pm_…"
REFERENCE = re.compile(r"(pm|card|src)_\w{1,250}")


async def tokenize(calls: Calls, card: str) -> ProviderCard:
    """A PaymentMethod as a card to charge; a customer of its own is made for it if it has none.

    Raises: CardNotKnown.
    """
    if not REFERENCE.fullmatch(card):
        raise CardNotKnown(card="what was entered", known=KNOWN)  # it may be a number, so it is not repeated
    try:
        method = fields(await calls.client.v1.payment_methods.retrieve_async(card))
        if not method.get("customer"):
            method = await _attached(calls, method)
    except stripe.CardError as error:
        raise CardNotKnown(card=card, known=KNOWN) from error
    except stripe.StripeError as error:
        if failures.missing(error):
            raise CardNotKnown(card=card, known=KNOWN) from error
        raise failures.meaning(error, None) from error
    shown = method.get("card") or method  # an older `card_…` is its own card
    if not shown.get("last4"):
        raise CardNotKnown(card=card, known=KNOWN)
    return ProviderCard(ref=method["id"], brand=str(shown["brand"]).lower(), last4=shown["last4"])


async def customer_of(calls: Calls, card_ref: str) -> str:
    """The customer of a PaymentMethod that was tokenized.

    Raises: ProviderRefused, ProviderUnavailable.
    """
    if not REFERENCE.fullmatch(card_ref):
        raise ProviderRefused(why="the reference of the card is none of Stripe's")
    with failures.reading():
        method = fields(await calls.client.v1.payment_methods.retrieve_async(card_ref))
    return objects.id_of(method.get("customer"))


async def _attached(calls: Calls, method: Fields) -> Fields:
    """A PaymentMethod can be charged a second time only if it belongs to a customer."""
    services = calls.client.v1
    owner = await services.customers.create_async(
        {"metadata": {objects.CARD: method["id"]}}, {"idempotency_key": f"customer:{method['id']}"}
    )
    return fields(await services.payment_methods.attach_async(method["id"], {"customer": owner.id}))
