"""What an event does here: one row for each type. An effect runs in the transaction that marks its event processed.

An event carries the whole object, so an effect moves our object to that state, or not at all; it never adds an amount.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from msgspec import Struct

from rtp.db.frame import Frame
from rtp.disputes import service as disputes
from rtp.kit.money import Money
from rtp.payments import service as payments
from rtp.payments.errors import PaymentNotFound
from rtp.payments.ports import ProviderCharge, ProviderDispute, ProviderEvent, ProviderRefund, fits
from rtp.refunds import adopting, settling
from rtp.refunds import service as refunds
from rtp.refunds.errors import RefundNotFound
from rtp.refunds.schemas import Refund
from rtp.webhooks import received_policy as policy
from rtp.webhooks.errors import WebhookContradicts, WebhookObjectNotKnown

Subject = ProviderCharge | ProviderRefund | ProviderDispute
S = TypeVar("S", ProviderCharge, ProviderRefund)


class Told(Struct, frozen=True, kw_only=True):
    """An event, and the object as the provider shows it when asked for it again (`asked`); None when it has none."""

    event: ProviderEvent
    asked: bool = False
    now: Subject | None = None


class InDoubt(Exception):
    """Ends an attempt whose event contradicts what is known here: the provider is asked, outside of the transaction."""

    def __init__(self, event: ProviderEvent) -> None:
        super().__init__(event.id)
        self.event = event


class Ours(Struct, frozen=True, kw_only=True):
    """What is known here of an event's object; `ref` is the provider's reference, where we have it."""

    id: str
    provider: str
    state: str
    amount: Money
    ref: str | None


Handler = Callable[[Frame, Told], Awaitable[str]]


async def charge(frame: Frame, told: Told) -> str:
    """Settle the payment with the charge; what came of it, in words."""
    try:
        payment = await payments.lock(frame, told.event.subject.key)
    except PaymentNotFound as error:
        raise _not_known(told, "payment") from error
    ours = Ours(
        id=payment.id, provider=payment.provider, state=payment.state, amount=payment.amount, ref=payment.provider_ref
    )
    news = _news(told, ours, ProviderCharge)
    if news is None:
        return f"nothing new: the payment was {payment.state}"
    return f"payment {(await payments.settle(frame, payment.id, news)).state}"


async def refund(frame: Frame, told: Told) -> str:
    """Settle the refund with the provider's own; what came of it, in words."""
    mine = await _refund_of(frame, told)
    provider = (await payments.find(frame, mine.payment_id)).provider
    ours = Ours(id=mine.id, provider=provider, state=mine.state, amount=mine.amount, ref=mine.provider_ref)
    if (back := _come_back(told, ours)) is not None:
        return f"refund {(await settling.come_back(frame, mine.id, back)).state} after it had succeeded"
    news = _news(told, ours, ProviderRefund)
    if news is None:
        return f"nothing new: the refund was {mine.state}"
    return f"refund {(await settling.settle(frame, mine.id, news)).state}"


async def _refund_of(frame: Frame, told: Told) -> Refund:
    """Our refund by its id, or what was made at the provider and taken in by the key that it has there."""
    try:
        return await refunds.find(frame, told.event.subject.key, lock=True)
    except RefundNotFound as error:
        if (taken_in := await adopting.known(frame, told.event.subject.key)) is None:
            raise _not_known(told, "refund") from error
        return taken_in


async def dispute(frame: Frame, told: Told) -> str:
    """Bring the dispute to where the provider has it; what came of it, in words."""
    if told.event.partial and not told.asked:
        raise InDoubt(told.event)
    subject = told.now if told.asked else told.event.subject
    try:
        payment = await payments.lock(frame, (subject or told.event.subject).key)
    except PaymentNotFound as error:
        raise _not_known(told, "payment") from error
    ours = await disputes.of_ref(frame, told.event.provider, told.event.subject.ref)
    if isinstance(subject, ProviderDispute) and payment.provider == told.event.provider:
        doubt = ours is not None and disputes.judge(ours.state, subject.state) == "doubt"
        if not doubt and (ours is None or ours.amount == subject.amount):
            after = await disputes.take(frame, told.event.provider, subject)
            same = ours is not None and ours.version == after.version
            return f"nothing new: the dispute was {after.state}" if same else f"dispute {after.state}"
    if not told.asked:
        raise InDoubt(told.event)
    mine = f"{ours.state}, {ours.amount}" if ours else f"{payment.id} was paid by {payment.provider}"
    key = ours.id if ours else payment.id
    raise WebhookContradicts(provider=told.event.provider, key=key, theirs=_words(subject), ours=mine)


HANDLERS: Mapping[str, Handler] = {
    "charge.succeeded": charge,
    "charge.failed": charge,
    "refund.pending": refund,
    "refund.succeeded": refund,
    "refund.failed": refund,
    "dispute.opened": dispute,
    "dispute.updated": dispute,
    "dispute.closed": dispute,
}
"""Type of an event → what it does here. An event of a type without a row is kept as ignored."""


def _news(told: Told, ours: Ours, kind: type[S]) -> S | None:
    """The object whose state ours is to take; None when it says nothing that is not known.

    Raises: InDoubt, and WebhookContradicts where the provider was asked and still says otherwise.
    """
    subject = told.now if told.asked else told.event.subject
    if isinstance(subject, kind) and _same(told, ours, subject):
        verdict = policy.judge(ours.state, subject.state)
        lacking = verdict == "apply" and told.event.partial and not told.asked
        if verdict != "doubt" and not lacking:
            return subject if verdict == "apply" else None
    if not told.asked:
        raise InDoubt(told.event)
    mine = f"{ours.state}, {ours.amount} by {ours.provider}, {ours.ref or 'without a reference'}"
    raise WebhookContradicts(provider=told.event.provider, key=ours.id, theirs=_words(subject), ours=mine)


def _come_back(told: Told, ours: Ours) -> ProviderRefund | None:
    """Our very refund, where the provider says when it is asked that it failed after it had succeeded."""
    if not isinstance(told.now, ProviderRefund) or not _same(told, ours, told.now):
        return None
    return told.now if told.asked and policy.comes_back(ours.state, told.now.state) else None


def _words(subject: Subject | None) -> str:
    return f"{subject.state}, {subject.amount}, {subject.ref}" if subject else "it has nothing under this key"


def _same(told: Told, ours: Ours, subject: ProviderCharge | ProviderRefund) -> bool:
    """Whether it is about the very object that we have: one key, one provider, one reference, one amount."""
    same_ref = ours.ref is None or ours.ref == subject.ref
    return same_ref and fits(subject, ours.amount) and told.event.provider == ours.provider


def _not_known(told: Told, noun: str) -> WebhookObjectNotKnown:
    subject = told.event.subject
    foreign = policy.is_foreign(noun, subject.key)
    provider, key = told.event.provider, repr(subject.key)
    return WebhookObjectNotKnown(provider=provider, noun=noun, ref=subject.ref, key=key, foreign=foreign)
