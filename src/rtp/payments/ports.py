"""The port to the payment provider: what rtp asks of one, and in which words it answers.

Every call that moves money takes a key; the same key and request always lead to the same one object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeVar, runtime_checkable

import msgspec

from rtp.jobs.spec import Backoff
from rtp.kit.money import Money
from rtp.payments.errors import ProviderDeclined, ProviderOther
from rtp.payments.schemas import REASONS as REASONS
from rtp.payments.schemas import in_words as in_words

ChargeState = Literal["authorized", "pending", "succeeded", "failed"]
RefundState = Literal["pending", "succeeded", "failed"]
DisputeState = Literal["needs_response", "under_review", "won", "lost"]
EventType = Literal[
    "charge.succeeded",
    "charge.failed",
    "refund.pending",
    "refund.succeeded",
    "refund.failed",
    "dispute.opened",
    "dispute.updated",
    "dispute.closed",
]
DeclineClass = Literal["retry", "later", "other_card", "never"]

PATIENT = Backoff(delay=0.5, retries=12, cap=300.0)
"""Before a job counts as dead, calls that really failed are repeated for about 20 minutes; what the breaker held back,
or sent to look whether an outage is over, does not count."""

DECLINES: dict[str, DeclineClass] = {
    "card_declined": "later",
    "insufficient_funds": "later",
    "do_not_honor": "later",
    "expired_card": "other_card",
    "lost_card": "never",
    "fraudulent": "never",
    "processing_error": "retry",
}
"""What can be done after a decline: ask again at once, ask another day, ask for another card, or never ask again."""


class ProviderCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card as the provider knows it: a reference to charge, and what may be shown of it."""

    ref: str
    brand: str
    last4: str


class ProviderCharge(msgspec.Struct, frozen=True, kw_only=True, tag_field="object", tag="charge"):
    """A charge at the provider; `failure_reason` is one of REASONS, empty unless it failed.

    Pending, it is `requires_action` where nothing goes on until the member acts.

    `captured` is what was taken so far, nothing while authorized or pending; `fee` is what the provider keeps of it.
    """

    ref: str
    key: str
    amount: Money
    captured: Money
    fee: Money
    card_ref: str
    state: ChargeState
    failure_reason: str = ""
    created_at: datetime


class ProviderRefund(msgspec.Struct, frozen=True, kw_only=True, tag_field="object", tag="refund"):
    """A refund at the provider; `failure_reason` is as a charge's."""

    ref: str
    key: str
    charge_ref: str
    amount: Money
    reason: str
    state: RefundState
    failure_reason: str = ""
    created_at: datetime


class ProviderDispute(msgspec.Struct, frozen=True, kw_only=True, tag_field="object", tag="dispute"):
    """A cardholder's objection to a charge; `key` is the charge's own. Without an answer until `due_by` it is lost.

    `fee` is what the provider keeps for it so far, in its currency, however it ends; None where that is not told.
    """

    ref: str
    key: str
    charge_ref: str
    amount: Money
    reason: str
    state: DisputeState
    due_by: datetime
    created_at: datetime
    fee: Money | None = None


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider tells by webhook: `subject` is the object as it was then; a repeated event has the same `id`.

    A `partial` subject lacks something that only the provider can add, such as its fee or a dispute's key.
    """

    id: str
    type: EventType
    created_at: datetime
    provider: str
    subject: ProviderCharge | ProviderRefund | ProviderDispute
    partial: bool = False


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider has and cannot be written here, as its currency is none of ours: `key` may be empty."""

    ref: str
    key: str
    why: str


Told = TypeVar("Told")


class Listed(list[Told]):
    """A provider's list, and what it had to leave out of it."""

    def __init__(self, told: Iterable[Told] = (), unread: Sequence[Unread] = ()) -> None:
        super().__init__(told)
        self.unread = list(unread)


class PaymentProvider(Protocol):
    """A payment provider.

    Every call raises ProviderUnavailable when it was surely not carried out, and ProviderRefused when the provider does
    not accept its form. Calls that move money also raise ProviderOutcomeUnknown when they were sent and no answer came
    (settle it by retrieve_…_by_key), and ProviderKeyReused when the key belongs to another request.
    `name` is its name in metrics and records. A list that leaves out what cannot be written here is `Listed`: one such
    object must not hide all others.
    """

    name: str

    async def tokenize(self, card: str) -> ProviderCard:
        """The reference of a card, by what the payer entered; the sandbox takes the names of its test cards.

        Raises: CardNotKnown.
        """
        ...

    async def charge(
        self, key: str, amount: Money, card_ref: str, description: str, capture: bool = True
    ) -> ProviderCharge:
        """Take money from a card, or only reserve it there until `capture`.

        Raises: ProviderDeclined (its charge is found by the key as failed), ProviderOutcomeUnknown, ProviderKeyReused.
        """
        ...

    async def capture(self, key: str, charge_ref: str, amount: Money) -> ProviderCharge:
        """Take what was reserved, or a part of it, once; the rest is free again.

        Raises: ProviderRefused (not authorized, or more than that), ProviderOutcomeUnknown, ProviderKeyReused.
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

    async def list_disputes(self, since: datetime) -> list[ProviderDispute]:
        """All disputes opened at or after an instant, as they stand now, oldest first."""
        ...

    async def submit_evidence(self, key: str, dispute_ref: str, evidence: dict[str, str]) -> ProviderDispute:
        """Answer a dispute, once; it is under review until the card's bank decides.

        Raises: ProviderRefused (there is none, or it needs no answer), ProviderOutcomeUnknown, ProviderKeyReused.
        """
        ...

    async def accept_dispute(self, key: str, dispute_ref: str) -> ProviderDispute:
        """Give the money up: the dispute is lost.

        Raises: ProviderRefused (there is none, or it was decided), ProviderOutcomeUnknown, ProviderKeyReused.
        """
        ...

    def verify_webhook(
        self, headers: Mapping[str, str], body: bytes, now: datetime, secrets: Sequence[str]
    ) -> ProviderEvent:
        """The event in a message that the provider signed with one of the secrets; pure, over the bytes as they came.

        Raises: WebhookForged, WebhookStale; WebhookUnknown for a signed message of a kind that is none of EventType,
        which its receiver takes all the same.
        """
        ...

    async def health(self) -> bool:
        """Whether it takes calls now; never raises."""
        ...

    async def close(self) -> None:
        """Give up its connections."""
        ...


@runtime_checkable
class Resting(Protocol):
    """A provider behind a breaker: what is not sent need not be noted as sent."""

    def hold_back(self) -> None:
        """Raises: ProviderResting, while every call would be turned away."""
        ...


def hold_back(provider: PaymentProvider) -> None:
    """Leave a provider alone whose breaker is open, before anything is noted as sent to it.

    Raises: ProviderResting.
    """
    if isinstance(provider, Resting):
        provider.hold_back()


def hold_to(provider: PaymentProvider, payment: str, made_through: str) -> None:
    """Keep a payment's money with the provider that has it: under its key another one would take or return it anew.

    Raises: ProviderOther.
    """
    if provider.name != made_through:
        raise ProviderOther(key=payment, theirs=made_through, ours=provider.name)


def fits(told: ProviderCharge | ProviderRefund, amount: Money) -> bool:
    """Whether an answer is about the amount that was asked for; a charge that succeeded has taken all of it."""
    taken = told.captured if isinstance(told, ProviderCharge) and told.state == "succeeded" else told.amount
    return told.amount == taken == amount


def declined(charge: ProviderCharge) -> ProviderDeclined:
    """A failed charge as the error that its payer sees."""
    reason = charge.failure_reason
    return ProviderDeclined(
        reason=in_words(reason),
        decline_code=reason,
        decline_class=DECLINES.get(reason, "later"),
        charge_ref=charge.ref,
    )
