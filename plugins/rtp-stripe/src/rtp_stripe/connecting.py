"""From the settings to an adapter; its two secrets are settings of rtp's own, so they come from file or environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
import stripe

from rtp.errors import InvalidInput
from rtp.payments.errors import ProviderUnavailable
from rtp.settings import Settings
from rtp_stripe import dialect, wire
from rtp_stripe.calls import Calls
from rtp_stripe.dialect import Dialect
from rtp_stripe.provider import StripeProvider

API_VERSION = "2026-10-28.endive"
"""The version that stripe 16.1 was made for; Stripe's default for an account could change under us."""
API_BASE = "https://api.stripe.com"
STAND_IN = "RTP_STRIPE_STAND_IN"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def connect(settings: Settings, env: Mapping[str, str] = os.environ) -> StripeProvider:
    """The adapter; it opens its connections when they are first needed.

    Raises: ProviderUnavailable without a key, InvalidInput for settings that do not fit together.
    """
    key, url = settings.provider_token, settings.provider_url or API_BASE
    if not key:
        raise ProviderUnavailable(why="RTP_PROVIDER_TOKEN is not set; it holds Stripe's secret or restricted key")
    spoken = dialect.named(env.get(STAND_IN, ""))
    if not key.startswith(("sk_", "rk_")):
        raise InvalidInput(what="RTP_PROVIDER_TOKEN is no key of Stripe's: they begin with sk_ or rk_")
    if settings.environment == "prod" and (spoken is not dialect.STRIPE or "_test_" in key):
        raise InvalidInput(what="an instance of class prod takes neither a test key of Stripe's nor a stand-in")
    return StripeProvider(calls(key, url, spoken))


def calls(key: str, url: str, spoken: Dialect, transport: httpx.AsyncBaseTransport | None = None) -> Calls:
    """A connection that repeats nothing by itself, as only the job knows whether it may.

    Raises: InvalidInput for a URL over which the key would travel readable.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    if not secure and (parts.scheme != "http" or parts.hostname not in LOOPBACK):
        raise InvalidInput(what=f"RTP_PROVIDER_URL {url!r} is neither https nor on the loopback")
    opened = wire.Wire(wire.client(secure=secure, transport=transport))
    client = stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": url.rstrip("/")},
        max_network_retries=0,
        http_client=opened,
    )
    return Calls(client, opened, spoken)


def webhook_secrets(settings: Settings) -> tuple[str, ...]:
    """The endpoint's signing secret, and the one before it while Stripe rolls it.

    Raises: ValueError when there is none, or it is none of Stripe's.
    """
    known = [one for one in (settings.provider_webhook_secret, settings.provider_webhook_secret_old) if one]
    if not known:
        raise ValueError("RTP_PROVIDER_WEBHOOK_SECRET is not set; it holds the signing secret of Stripe's endpoint")
    if not all(one.startswith("whsec_") and len(one) > len("whsec_") for one in known):
        raise ValueError("a signing secret of Stripe's begins with whsec_")
    return tuple(known)
