"""What every call is made with: the library's client, what the other end can do, and the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import stripe

from rtp_stripe.dialect import Dialect
from rtp_stripe.wire import Wire

LATEST = "latest_charge.balance_transaction"
"""What is expanded of a PaymentIntent: its charge, with the entry that holds the fee."""
Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Calls:
    """One connection to Stripe."""

    client: stripe.StripeClient
    wire: Wire
    dialect: Dialect
    clock: Callable[[], float] = time.time

    async def intent(self, ref: str) -> Fields:
        """A PaymentIntent with its charge; raises stripe.StripeError."""
        return fields(await self.client.v1.payment_intents.retrieve_async(ref, {"expand": [LATEST]}))

    async def refund(self, ref: str) -> Fields:
        """A Refund; raises stripe.StripeError."""
        return fields(await self.client.v1.refunds.retrieve_async(ref))

    async def close(self) -> None:
        """Close the connections."""
        await self.wire.close_async()


def fields(thing: Any) -> Fields:
    """An object of the library as plain data."""
    found: Fields = thing.to_dict()
    return found
