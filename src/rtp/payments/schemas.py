"""What crosses the API about payments and payment methods, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.money import Money
from rtp.operations import listing, read, write

PaymentState = Literal["created", "submitted", "unknown", "succeeded", "failed"]
MethodState = Literal["pending", "active", "failed", "removed"]
CardName = Annotated[str, Meta(min_length=2, max_length=64, pattern=r"^[a-z][A-Za-z0-9_-]*$")]
"""A card by the provider's token, such as the sandbox's `visa` or a `pm_…` of Stripe's; never a card number."""


REASONS = {
    "card_declined": "the card's bank refused the payment",
    "insufficient_funds": "the card has too little money",
    "expired_card": "the card has expired",
    "do_not_honor": "the card's bank refused the payment and does not say why",
    "fraudulent": "the card's bank takes the payment for fraud",
    "lost_card": "the card was reported as lost",
    "processing_error": "the card's bank could not be asked",
    "charge_already_refunded": "the refund is larger than what is left of the charge",
    "charge_disputed": "the charge is disputed, so its money is held by the card's bank",
    "charge_not_found": "the provider has no such charge",
    "charge_not_captured": "the charge took no money that could be returned",
    "currency_mismatch": "the refund is in another currency than the charge",
    "card_account_closed": "the card's account can no longer take money",
    "requires_action": "the member must act first, as the provider asked them to",
    "other_amount": "the provider has another amount under its key, so its answer is not believed",
}
"""The provider's failure reasons in the words of the domain."""


def in_words(reason: str) -> str:
    """A failure reason in the words of the business; an unknown code is read out, and what is words already stays."""
    return REASONS.get(reason, reason if " " in reason else reason.replace("_", " "))


def waits_for(state: str, reason: str) -> str:
    """What a charge or refund under way waits for at the provider, as a sentence; empty where nobody is waited for."""
    return f"It is {state}: {in_words(reason)}." if reason and state in {"pending", "unknown"} else ""


class PaymentMethod(Struct, kw_only=True):
    """A member's card: brand and last four digits are known once the provider has taken it."""

    id: str
    user_id: str
    provider: str
    card: str
    brand: str
    last_four: str
    state: MethodState
    failure_reason: str
    version: int
    created_at: datetime


class Payment(Struct, kw_only=True):
    """Money asked from a card: `refundable` is captured, less what refunds hold, less lost disputes.

    `tax` is the part of the amount that is tax; `disputed` means that a dispute is open.
    """

    id: str
    user_id: str
    method_id: str
    amount: Money
    captured: Money
    refunded: Money
    refundable: Money
    state: PaymentState
    purpose: str
    source: str
    provider: str
    provider_ref: str | None
    failure_reason: str
    version: int
    created_at: datetime
    settled_at: datetime | None
    tax: Money
    disputed: bool


class ChargeLine(Struct, frozen=True, kw_only=True):
    """A line of what is charged: `product` and `price` are keys; without `tax` there is none in it."""

    description: str
    net: Money
    tax: Money | None = None
    quantity: int = 1
    product: str = ""
    price: str = ""

    @property
    def taxed(self) -> Money:
        """The tax, zero without one."""
        return self.tax or Money.zero(self.net.currency)


class SoldLine(Struct, kw_only=True):
    """A line of a payment: `…_held` is what refunds took or may still take of it, `…_lost` what lost disputes took.

    `position` counts from 1.
    """

    position: int
    product: str
    price: str
    description: str
    quantity: int
    net: Money
    tax: Money
    quantity_held: int
    net_held: Money
    tax_held: Money
    net_lost: Money
    tax_lost: Money


class LinePart(Struct, frozen=True, kw_only=True):
    """A part of the line at a position, in minor units of its payment's currency."""

    position: int
    net: int
    tax: int
    quantity: int = 0

    def __neg__(self) -> LinePart:
        """The same part, given back."""
        return LinePart(position=self.position, net=-self.net, tax=-self.tax, quantity=-self.quantity)


class RefundLine(Struct, kw_only=True):
    """A refund as it is listed under its payment."""

    id: str
    amount: Money
    state: str
    reason: str
    created_at: datetime


class PaymentDetail(Payment, kw_only=True):
    """A payment with its card, its lines and its refunds."""

    card_brand: str
    card_last_four: str
    lines: list[SoldLine]
    refunds: list[RefundLine]


class AddMethod(Struct, kw_only=True, forbid_unknown_fields=True):
    """A card to add."""

    card: CardName


LIST = listing("payments.list", "/payments", Payment)
SHOW = read("payments.show", "/payments/{payment}", PaymentDetail)
METHODS = listing("payment_methods.list", "/users/{user}/payment-methods", PaymentMethod)
METHOD = read("payment_methods.show", "/payment-methods/{method}", PaymentMethod)
ADD_METHOD = write(
    "payment_methods.add", "POST", "/users/{user}/payment-methods", PaymentMethod, body=AddMethod, status=201
)
REMOVE_METHOD = write("payment_methods.remove", "DELETE", "/payment-methods/{method}", PaymentMethod)
