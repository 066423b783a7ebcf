"""Which payment provider this instance uses: the sandbox, or one that a trusted plugin adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rtp.kit import signing
from rtp.payments import http_provider
from rtp.payments.errors import ProviderNotKnown
from rtp.payments.http_provider import HttpProvider
from rtp.payments.ports import PaymentProvider, ProviderEvent
from rtp.runtime.errors import InstanceDamaged
from rtp.settings import Settings

Verify = Callable[[Mapping[str, str], bytes, datetime, Sequence[str]], ProviderEvent]


@dataclass(frozen=True)
class Source:
    """A payment provider that RTP_PROVIDER can name.

    `connect` makes its adapter (ProviderUnavailable or InvalidInput where the settings lack something), `verify` reads
    its webhooks, and `secrets` are those that they may be signed with now (ValueError where one of them is none).
    """

    name: str
    connect: Callable[[Settings], PaymentProvider]
    verify: Verify
    secrets: Callable[[Settings], tuple[str, ...]]


def choose(settings: Settings, added: Sequence[Source] = ()) -> Source:
    """The provider that the settings name, among the sandbox and those that plugins add.

    Raises: ProviderNotKnown.
    """
    known = {source.name: source for source in (SANDBOX, *added)}
    if (found := known.get(settings.provider)) is None:
        raise ProviderNotKnown(provider=settings.provider, known=", ".join(sorted(known)))
    return found


def connect(settings: Settings, added: Sequence[Source] = ()) -> PaymentProvider:
    """The adapter of the provider that the settings name.

    Raises: ProviderNotKnown, ProviderUnavailable, InvalidInput, InstanceDamaged.
    """
    return choose(settings, added).connect(settings)


def _sandbox_secrets(settings: Settings) -> tuple[str, ...]:
    """The secret that is set, else the embedded sandbox's own, and the one before it.

    Raises: ValueError when one of them is none, also where none is set and there is no instance.
    """
    try:
        known = (http_provider.webhook_secret(settings), settings.provider_webhook_secret_old)
    except InstanceDamaged as error:
        raise ValueError("none is set") from error
    usable = tuple(secret for secret in known if secret)
    for secret in usable:
        signing.key_of(secret)
    return usable


SANDBOX = Source("sandbox", http_provider.connect, HttpProvider.verify_webhook, _sandbox_secrets)
