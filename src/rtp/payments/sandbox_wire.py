"""What crosses the wire between the provider's adapter and the sandbox, and the secrets of both directions."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from rtp.kit import signing
from rtp.kit.money import Money
from rtp.payments.errors import WebhookForged, WebhookStale, WebhookUnknown
from rtp.payments.ports import ProviderEvent
from rtp.runtime.instance import Instance
from rtp.settings import Settings

T = TypeVar("T")
NOT_ATTEMPTED = "not_attempted"
NO_SUCH_OBJECT = "no_such_object"
PAGE = 500


class CardRequest(msgspec.Struct, forbid_unknown_fields=True):
    """POST /cards."""

    card: str


class ChargeRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /charges."""

    amount: Money
    card_ref: str
    description: str = ""
    capture: bool = True


class CaptureRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /captures."""

    charge_ref: str
    amount: Money


class RefundRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /refunds."""

    charge_ref: str
    amount: Money
    reason: str = ""


class EvidenceRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /disputes/evidence."""

    dispute_ref: str
    evidence: dict[str, str]


class AcceptRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /disputes/accept."""

    dispute_ref: str


class DisputeRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """POST /disputes: a cardholder objects to the charge made under this key."""

    charge_key: str
    reason: str
    amount: Money | None = None
    dry_run: bool = False


class Slice(msgspec.Struct, Generic[T]):
    """A part of a list; `next` is where the following one begins, None after the last."""

    items: list[T]
    next: int | None = None


class Failure(msgspec.Struct):
    """The body of an answer that is no object: the code, and what it is about."""

    code: str = ""
    detail: str = ""
    params: dict[str, Any] = {}


def folder(settings: Settings) -> Path:
    """Where an instance's sandbox keeps its journal."""
    return settings.home_folder() / "data" / "sandbox"


def url_file(settings: Settings) -> Path:
    """The file that names the URL of an instance's sandbox, for whoever was not started by its supervisor."""
    return folder(settings) / "url"


def token(settings: Settings) -> str:
    """The token of the provider: the one that is set, else derived from the instance's secrets.

    Raises: InstanceDamaged.
    """
    if settings.provider_token:
        return settings.provider_token
    secret = Instance(settings).secrets().signing_key
    return "sandbox_" + hmac.digest(secret.encode(), b"rtp payment provider", hashlib.sha256).hex()


def webhook_secret(settings: Settings) -> str:
    """The secret with which the sandbox signs its webhooks: the one that is set, else derived from its token.

    Raises: InstanceDamaged.
    """
    if settings.provider_webhook_secret:
        return settings.provider_webhook_secret
    material = hmac.digest(token(settings).encode(), b"rtp provider webhooks", hashlib.sha256)
    return signing.secret_of(material)


def webhook_headers(secrets: Sequence[str], event: ProviderEvent, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a webhook; a repeated event bears the same id, and a time and signature of its own."""
    return {"content-type": "application/json"} | signing.headers(secrets, event.id, int(now.timestamp()), body)


def event_in(
    provider: str, headers: Mapping[str, str], body: bytes, now: datetime, secrets: Sequence[str]
) -> ProviderEvent:
    """The event in a signed webhook.

    Raises: WebhookForged, WebhookStale, WebhookUnknown.
    """
    try:
        id = signing.verify(secrets, headers, body, now)
    except signing.Forged as error:
        raise WebhookForged(provider=provider, why=error) from error
    except signing.Stale as error:
        raise WebhookStale(provider=provider) from error
    try:
        event = msgspec.json.decode(body, type=ProviderEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WebhookUnknown(provider=provider, why=error) from error
    if event.id != id:
        raise WebhookUnknown(provider=provider, why=f"its headers name it {id} and its body {event.id}")
    return event
