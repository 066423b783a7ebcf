"""From the settings to an adapter."""

from __future__ import annotations

from typing import Any

import pytest

from rtp.errors import InvalidInput
from rtp.payments.errors import ProviderUnavailable
from rtp.payments.ports import PaymentProvider
from rtp.payments.provider import connect
from rtp.settings import Settings
from rtp_stripe import connecting, hooks

SOURCES = hooks.providers()


async def test_the_settings_name_stripe_and_hold_its_key() -> None:
    provider: PaymentProvider = connect(Settings(provider="stripe", provider_token="sk_test_1"), SOURCES)
    assert provider.name == "stripe"
    await provider.close()


@pytest.mark.parametrize(
    "settings, env, error",
    [
        ({"provider_token": ""}, {}, ProviderUnavailable),
        ({"provider_token": "pk_test_1"}, {}, InvalidInput),
        ({"provider_url": "http://stripe.example"}, {}, InvalidInput),
        ({"provider_url": "ftp://localhost"}, {}, InvalidInput),
        ({"environment": "prod"}, {}, InvalidInput),
        ({"environment": "prod", "provider_token": "rk_live_1"}, {"RTP_STRIPE_STAND_IN": "localstripe"}, InvalidInput),
        ({}, {"RTP_STRIPE_STAND_IN": "other"}, InvalidInput),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], env: dict[str, str], error: Any) -> None:
    given = {"provider": "stripe", "provider_token": "sk_test_1"} | settings
    with pytest.raises(error) as refused:
        connecting.connect(Settings(**given), env)
    assert "sk_test_1" not in str(refused.value.problem())


def test_the_secrets_of_webhooks_are_those_that_are_set() -> None:
    both = Settings(provider_webhook_secret="whsec_new", provider_webhook_secret_old="whsec_old")
    assert connecting.webhook_secrets(both) == ("whsec_new", "whsec_old")


@pytest.mark.parametrize("secret", ["", "whsec_", "secret"])
def test_a_secret_that_is_none_is_named(secret: str) -> None:
    with pytest.raises(ValueError, match=r"RTP_PROVIDER_WEBHOOK_SECRET is not set|begins with whsec_"):
        connecting.webhook_secrets(Settings(provider_webhook_secret=secret))
