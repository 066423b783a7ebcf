"""The port to the payment provider: what rtp asks of one, and in which words it answers.

Every call that moves money takes a key; the same key and request always lead to the same one object.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

import msgspec

from rtp.jobs.spec import Backoff
from rtp.kit.money import Money
from rtp.payments.errors import ProviderDeclined

ProviderState = Literal["pending", "succeeded", "failed"]

PATIENT = Backoff(delay=0.5, retries=12, cap=300.0)
"""A provider that is away is waited for, about 20 minutes in all, before a job of its counts as dead."""

REASONS = {
    "card_declined": "the card's bank refused the payment",
    "charge_already_refunded": "the refund is larger than what is left of the charge",
    "charge_not_found": "the provider has no such charge",
    "charge_not_captured": "the charge took no money that could be returned",
    "currency_mismatch": "the refund is in another currency than the charge",
    "card_account_closed": "the card's account can no longer take money",
}
"""The provider's failure reasons in the words of the domain."""


class ProviderCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card as the provider knows it: a reference to charge, and what may be shown of it."""

    ref: str
    brand: str
    last4: str


class ProviderCharge(msgspec.Struct, frozen=True, kw_only=True):
    """A charge at the provider; `failure_reason` is one of REASONS, empty unless it failed."""

    ref: str
    key: str
    amount: Money
    card_ref: str
    state: ProviderState
    failure_reason: str = ""
    created_at: datetime


class ProviderRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund at the provider; `failure_reason` is one of REASONS, empty unless it failed."""

    ref: str
    key: str
    charge_ref: str
    amount: Money
    reason: str
    state: ProviderState
    failure_reason: str = ""
    created_at: datetime


class PaymentProvider(Protocol):
    """A payment provider.

    Every call raises ProviderUnavailable when it was surely not carried out, and ProviderRefused when the provider does
    not accept its form. Calls that move money also raise ProviderOutcomeUnknown when they were sent and no answer came
    (settle it by retrieve_…_by_key), and ProviderKeyReused when the key belongs to another request.
    `name` is its name in metrics and records.
    """

    name: str

    async def tokenize(self, card: str) -> ProviderCard:
        """The reference of a card, by what the payer entered; the sandbox takes the names of its test cards.

        Raises: CardNotKnown.
        """
        ...

    async def charge(self, key: str, amount: Money, card_ref: str, description: str) -> ProviderCharge:
        """Take money from a card.

        Raises: ProviderDeclined (its charge is found by the key as failed), ProviderOutcomeUnknown, ProviderKeyReused.
        """
        ...

    async def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> ProviderRefund:
        """Return money of a charge; a refund that the provider turns down comes back as failed, with its reason.

        Raises: ProviderOutcomeUnknown, ProviderKeyReused.
        """
        ...

    async def retrieve_charge_by_key(self, key: str) -> ProviderCharge | None:
        """The charge that was made under a key, failed ones included, or None if none was made so far.

        A lost request can still be under way, so None never ends an intent: it is repeated under the same key.
        """
        ...

    async def retrieve_refund_by_key(self, key: str) -> ProviderRefund | None:
        """The refund that was made under a key, failed ones included, or None if none was made so far (as above)."""
        ...

    async def list_charges(self, since: datetime) -> list[ProviderCharge]:
        """All charges created at or after an instant, oldest first."""
        ...

    async def list_refunds(self, since: datetime) -> list[ProviderRefund]:
        """All refunds created at or after an instant, oldest first."""
        ...

    async def health(self) -> bool:
        """Whether it takes calls now; never raises."""
        ...

    async def close(self) -> None:
        """Give up its connections."""
        ...


def in_words(reason: str) -> str:
    """A failure reason in the words of the business; an unknown one stays as the provider wrote it."""
    return REASONS.get(reason, reason.replace("_", " "))


def declined(charge: ProviderCharge) -> ProviderDeclined:
    """A failed charge as the error that its payer sees."""
    return ProviderDeclined(
        reason=in_words(charge.failure_reason), decline_code=charge.failure_reason, charge_ref=charge.ref
    )
