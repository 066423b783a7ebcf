"""What Stripe has in an amount that cannot be written here: named in lists, refused when it is asked for."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from rtp.payments.errors import ProviderRefused
from rtp_stripe import connecting
from rtp_stripe.dialect import STRIPE
from rtp_stripe.provider import StripeProvider

AT = int(time.time()) - 5
SAME = {"amount": 1000, "currency": "usd", "created": AT, "metadata": {}}
INTENT = SAME | {"object": "payment_intent", "status": "succeeded", "payment_method": "pm_1", "amount_received": 1000}
REFUND = SAME | {"object": "refund", "status": "succeeded", "payment_intent": "pi_1"}
DISPUTE = SAME | {"object": "dispute", "status": "needs_response", "reason": "fraudulent", "charge": "ch_1"}


def of_two(foreign: dict[str, Any]) -> StripeProvider:
    """An account with one object of each kind as ever, and one that is foreign."""
    kinds = {"payment_intents": ("pi", INTENT), "refunds": ("re", REFUND), "disputes": ("du", DISPUTE)}

    def answer(request: httpx.Request) -> httpx.Response:
        kind, _, ref = request.url.path.removeprefix("/v1/").partition("/")
        prefix, usual = kinds[kind]
        strange = usual | foreign | {"id": f"{prefix}_2"}
        listed = {"object": "list", "data": [strange, usual | {"id": f"{prefix}_1"}], "has_more": False, "url": "/v1/x"}
        return httpx.Response(200, json=strange if ref else listed)

    return StripeProvider(connecting.calls("sk_test_1", "https://stripe.test", STRIPE, httpx.MockTransport(answer)))


@pytest.mark.parametrize(
    "foreign", [{"currency": "xyz"}, {"currency": "ugx"}, {"currency": "isk", "amount": 4010, "amount_received": 4010}]
)
async def test_what_cannot_be_written_here_is_left_out_of_lists_by_name_and_refused_when_asked_for(
    foreign: dict[str, Any],
) -> None:
    provider, since, code = of_two(foreign), datetime.fromtimestamp(AT, UTC), foreign["currency"].upper()
    lists: list[tuple[Any, str]] = [
        (await provider.list_charges(since), "pi"),
        (await provider.list_refunds(since), "re"),
        (await provider.list_disputes(since), "du"),
    ]
    for listed, prefix in lists:
        assert [one.ref for one in listed] == [f"{prefix}_1"]
        [unread] = listed.unread
        assert (unread.ref, unread.key) == (f"{prefix}_2", f"{prefix}_2")
        assert code in unread.why
    for asked in (provider.retrieve_charge_by_key("pi_2"), provider.retrieve_refund_by_key("re_2")):
        with pytest.raises(ProviderRefused, match=code):
            await asked
