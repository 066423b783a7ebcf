"""Stripe's webhooks: their signature, and what they tell. Source: docs.stripe.com/webhooks, "Verify manually"."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from rtp.payments.errors import ProviderRefused, WebhookForged, WebhookStale, WebhookUnknown
from rtp.payments.ports import EventType, ProviderCharge, ProviderDispute, ProviderEvent, ProviderRefund
from rtp_stripe import objects

NAME = "stripe"
HEADER = "stripe-signature"
TOLERANCE_SECONDS = 300
_TIME = re.compile(r"[0-9]{1,12}")
Subject = ProviderCharge | ProviderRefund | ProviderDispute

TOLD: dict[str, Callable[[Mapping[str, Any]], Subject]] = {
    "payment_intent.succeeded": objects.charge,
    "payment_intent.payment_failed": objects.charge,
    "payment_intent.canceled": objects.charge,
    "charge.succeeded": objects.told_charge,
    "charge.captured": objects.told_charge,
    "charge.failed": objects.told_charge,
    "refund.created": objects.refund,
    "refund.updated": objects.refund,
    "refund.failed": objects.refund,
    "charge.dispute.created": objects.dispute,
    "charge.dispute.updated": objects.dispute,
    "charge.dispute.funds_withdrawn": objects.dispute,
    "charge.dispute.funds_reinstated": objects.dispute,
    "charge.dispute.closed": objects.dispute,
}
"""The events that there is a use for: choose these when the endpoint is made."""


def verify(headers: Mapping[str, str], body: bytes, now: datetime, secrets: Sequence[str]) -> ProviderEvent:
    """The event in a signed message.

    Raises: WebhookForged, WebhookStale, WebhookUnknown.
    """
    _check(headers, body, now, secrets)
    try:
        told = msgspec.json.decode(body)
        return _event(told, told["data"]["object"])
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise WebhookUnknown(provider=NAME, why=f"it cannot be read: {type(error).__name__} {error}") from error


def signature(secret: str, time: int, body: bytes) -> str:
    """What Stripe signs a body with: HMAC-SHA256 over `time.body`, by the whole secret as it is shown."""
    return hmac.new(secret.encode(), b"%d." % time + body, hashlib.sha256).hexdigest()


def _check(headers: Mapping[str, str], body: bytes, now: datetime, secrets: Sequence[str]) -> None:
    """Every signature is compared with every secret in constant time."""
    named = {name.lower(): value for name, value in headers.items()}
    parts = [part.strip().partition("=")[::2] for part in named.get(HEADER, "").split(",")]
    times = [value for name, value in parts if name == "t"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise WebhookForged(provider=NAME, why="its time is missing or in a form that Stripe does not use")
    offered = [value.encode() for name, value in parts if name == "v1"]
    held = False
    for wanted in [signature(secret, int(times[0]), body).encode() for secret in secrets]:
        for given in offered:
            held |= hmac.compare_digest(wanted, given)
    if not held:
        raise WebhookForged(provider=NAME, why="no signature fits")
    if abs(int(now.timestamp()) - int(times[0])) > TOLERANCE_SECONDS:
        raise WebhookStale(provider=NAME)


def _event(told: Mapping[str, Any], thing: Mapping[str, Any]) -> ProviderEvent:
    if (read := TOLD.get(told["type"])) is None:
        raise WebhookUnknown(provider=NAME, why=f"its type is {str(told['type'])[:80]!r}", id=told["id"])
    try:
        subject = read(thing)
    except ProviderRefused as error:
        raise WebhookUnknown(provider=NAME, why=error.params["why"], id=told["id"]) from error
    kind = _kind(told["type"], subject)
    if kind is None:
        raise WebhookUnknown(provider=NAME, why=f"a charge that is {subject.state} is no news", id=told["id"])
    partial = isinstance(subject, ProviderDispute) or kind == "charge.succeeded"
    return ProviderEvent(
        id=told["id"],
        type=kind,
        created_at=objects.instant(told["created"]),
        provider=NAME,
        subject=subject,
        partial=partial,
    )


def _kind(type: str, subject: Subject) -> EventType | None:
    if isinstance(subject, ProviderDispute):
        ends: dict[str, EventType] = {"created": "dispute.opened", "closed": "dispute.closed"}
        return ends.get(type.rpartition(".")[2], "dispute.updated")
    words: dict[str, EventType] = (
        {"pending": "refund.pending", "succeeded": "refund.succeeded", "failed": "refund.failed"}
        if isinstance(subject, ProviderRefund)
        else {"succeeded": "charge.succeeded", "failed": "charge.failed"}
    )
    return words.get(subject.state)
