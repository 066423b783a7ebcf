"""Who may send webhooks here: each provider with its way to check a message, and the secrets that are valid now."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from rtp.kit import signing
from rtp.payments.errors import WebhookForged, WebhookStale, WebhookUnknown
from rtp.payments.ports import ProviderEvent
from rtp.runtime.instance import Instance
from rtp.settings import Settings
from rtp.webhooks.errors import WebhookProviderNotKnown, WebhookSecretMissing

Verify = Callable[[Mapping[str, str], bytes, datetime, Sequence[str]], ProviderEvent]


class Sender(Struct, frozen=True, kw_only=True):
    """A provider whose messages are taken: `verify` is its adapter's, `secrets` the current one and the one before."""

    provider: str
    verify: Verify
    secrets: tuple[str, ...]


class Message(Struct, frozen=True, kw_only=True):
    """A message whose signature held; `event` is None for one that there is no use for, and `useless` says why."""

    provider: str
    event_id: str
    headers: dict[str, str]
    body: bytes
    event: ProviderEvent | None = None
    useless: str = ""


Senders = Mapping[str, Sender]


def senders(settings: Settings) -> Senders:
    """Every provider whose webhooks are taken, by name."""
    return {"sandbox": Sender(provider="sandbox", verify=_sandbox, secrets=_secrets(settings))}


def find(known: Senders, provider: str) -> Sender:
    """The sender of this name.

    Raises: WebhookProviderNotKnown, WebhookSecretMissing.
    """
    if (found := known.get(provider)) is None:
        raise WebhookProviderNotKnown(provider=repr(provider[:40]), known=", ".join(sorted(known)))
    if not found.secrets:
        raise WebhookSecretMissing(provider=provider)
    return found


def open_message(sender: Sender, headers: Mapping[str, str], body: bytes, now: datetime) -> Message:
    """Check a message over its raw bytes and read it.

    Raises: WebhookForged, WebhookStale.
    """
    given = dict(headers)
    try:
        event = sender.verify(given, body, now, sender.secrets)
    except WebhookUnknown as unknown:
        event_id = str(unknown.params.get("id") or hashlib.sha256(body).hexdigest())
        why = str(unknown.params.get("why", "it is of no known kind"))
        return Message(provider=sender.provider, event_id=event_id, headers=given, body=body, useless=why)
    return Message(provider=sender.provider, event_id=event.id, headers=given, body=body, event=event)


def _secrets(settings: Settings) -> tuple[str, ...]:
    """The secrets that sign now: the one that is set, else the embedded sandbox's; beside it the one before."""
    current = settings.provider_webhook_secret or _derived(settings)
    return tuple(secret for secret in (current, settings.provider_webhook_secret_old) if secret)


def _sandbox(headers: Mapping[str, str], body: bytes, now: datetime, secrets: Sequence[str]) -> ProviderEvent:
    try:
        signing.verify(secrets, headers, body, now)
    except signing.Forged as error:
        raise WebhookForged(provider="sandbox", why=error) from error
    except signing.Stale as error:
        raise WebhookStale(provider="sandbox") from error
    try:
        return msgspec.json.decode(body, type=ProviderEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WebhookUnknown(provider="sandbox", why=str(error), id=headers.get("webhook-id", "")) from error


def _derived(settings: Settings) -> str:
    instance = Instance(settings)
    if not instance.secrets_file.is_file():
        return ""
    key = instance.secrets().signing_key.encode()
    return signing.secret_of(hmac.digest(key, b"rtp provider webhooks", hashlib.sha256))
