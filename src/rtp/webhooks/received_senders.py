"""Who may send webhooks here: each provider with its way to check a message, and the secrets that are valid now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from rtp.kit import signing
from rtp.payments import http_provider
from rtp.payments.errors import WebhookUnknown
from rtp.payments.http_provider import HttpProvider
from rtp.payments.ports import ProviderEvent
from rtp.runtime.errors import InstanceDamaged
from rtp.settings import Settings
from rtp.webhooks.errors import WebhookProviderNotKnown, WebhookSecretMissing

Verify = Callable[[Mapping[str, str], bytes, datetime, Sequence[str]], ProviderEvent]


class Sender(Struct, frozen=True, kw_only=True):
    """A provider whose messages are taken: `verify` is its adapter's, `secrets` the current one and the one before.

    `flaw` says why there is no secret.
    """

    provider: str
    verify: Verify
    secrets: tuple[str, ...]
    flaw: str = ""


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
    name = HttpProvider.name
    try:
        secrets, flaw = _secrets(settings), ""
    except (ValueError, InstanceDamaged) as error:
        secrets, flaw = (), "none is set" if isinstance(error, InstanceDamaged) else str(error)
    return {name: Sender(provider=name, verify=HttpProvider.verify_webhook, secrets=secrets, flaw=flaw)}


def find(known: Senders, provider: str) -> Sender:
    """The sender of this name.

    Raises: WebhookProviderNotKnown, WebhookSecretMissing.
    """
    if (found := known.get(provider)) is None:
        raise WebhookProviderNotKnown(provider=repr(provider[:40]), known=", ".join(sorted(known)))
    if not found.secrets:
        raise WebhookSecretMissing(provider=provider, why=found.flaw)
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
    """The secret that is set, else the embedded sandbox's own, and the one before it.

    Raises: ValueError when one of them is none; InstanceDamaged where none is set and there is no instance.
    """
    known = (http_provider.webhook_secret(settings), settings.provider_webhook_secret_old)
    usable = tuple(secret for secret in known if secret)
    for secret in usable:
        signing.key_of(secret)
    return usable
