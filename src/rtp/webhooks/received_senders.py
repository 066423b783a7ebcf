"""Who may send webhooks here: each provider with its way to check a message, and the secrets that are valid now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from rtp.payments import provider
from rtp.payments.errors import ProviderNotKnown, WebhookUnknown
from rtp.payments.ports import ProviderEvent
from rtp.payments.provider import Source, Verify
from rtp.settings import Settings
from rtp.webhooks.errors import WebhookProviderNotKnown, WebhookSecretMissing


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


def senders(settings: Settings, added: Sequence[Source] = ()) -> Senders:
    """The provider that the settings name, by its name; nobody while it is not known here."""
    try:
        source = provider.choose(settings, added)
    except ProviderNotKnown:
        return {}
    try:
        secrets, flaw = source.secrets(settings), ""
    except ValueError as error:
        secrets, flaw = (), str(error)
    return {source.name: Sender(provider=source.name, verify=source.verify, secrets=secrets, flaw=flaw)}


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
