"""A platform with the plugin trusted and localstripe as its provider, through the commands of an operator."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.testing import instance
from rtp.testing.instance import RTP, RunningInstance
from rtp_stripe import webhooks

SECRET = "whsec_of_the_endpoint"
CATALOG = Path(__file__).parents[3] / "examples" / "catalog.yaml"


@pytest.fixture(scope="module")
def rtp(local: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInstance]:
    folder = tmp_path_factory.mktemp("platform")
    trusted = subprocess.run([RTP, "plugins", "trust", "rtp-stripe"], env=instance.clean_environment(folder))
    assert trusted.returncode == 0
    settings = {
        "RTP_PROVIDER": "stripe", "RTP_PROVIDER_TOKEN": "sk_test_of_a_test_run", "RTP_PROVIDER_URL": local.url,
        "RTP_PROVIDER_WEBHOOK_SECRET": SECRET, "RTP_STRIPE_STAND_IN": "localstripe",
    }  # fmt: skip
    with instance.running(folder, **settings) as started:
        assert started("catalog", "apply", str(CATALOG), "--yes").returncode == 0
        started.json("users", "create", "ada@example.com", "--name", "Ada")
        yield started


def test_a_member_subscribes_is_refunded_up_to_the_cap_and_stripe_and_we_have_the_same(
    rtp: RunningInstance, local: Any
) -> None:
    card = local.card(local.pays)
    words = ("subscriptions", "create", "ada@example.com", "--price", "alerts-only-monthly", "--card", card)
    assert rtp.json(*words)["status"] == "active"
    [payment] = rtp.json("payments", "list", "--user", "ada@example.com")
    assert (payment["provider"], payment["state"]) == ("stripe", "succeeded")
    refund = rtp.json("refunds", "issue", payment["id"], "--amount", "20.00", "--reason", "goodwill")
    assert refund["state"] == "succeeded"
    made = local.get(f"refunds/{refund['provider_ref']}")
    assert made["metadata"] == {"rtp_key": refund["id"], "rtp_reason": "goodwill"}

    over = rtp("refunds", "issue", payment["id"], "--amount", "77.01", "--reason", "goodwill", "-o", "json")
    assert (over.returncode, json.loads(over.stderr)["error"]["code"]) == (7, "refund_exceeds_captured")
    assert len(local.get(f"refunds?payment_intent={payment['provider_ref']}")["data"]) == 1
    beyond = local.post("refunds", payment_intent=payment["provider_ref"], amount="9000")
    assert beyond["status"] == "succeeded"  # localstripe would: the cap is rtp's own

    assert rtp("reconcile", "run", "--since", "1h").returncode == 0
    assert {one["state"] for one in rtp.json("doctor", "money")["checks"]} == {"ok"}


def test_a_webhook_that_stripe_signed_is_taken_and_any_other_is_not(rtp: RunningInstance) -> None:
    thing = {"id": "re_1", "status": "succeeded", "amount": 1, "currency": "usd", "created": int(time.time())}
    event = {"id": "evt_1", "type": "customer.created", "created": thing["created"], "data": {"object": thing}}
    body, now = json.dumps(event).encode(), int(time.time())
    for secret, status in ((SECRET, 200), ("whsec_of_another", 401)):
        header = {"Stripe-Signature": f"t={now},v1={webhooks.signature(secret, now, body)}"}
        assert httpx.post(f"{rtp.url}/v1/webhooks/stripe", content=body, headers=header).status_code == status
    assert httpx.post(f"{rtp.url}/v1/webhooks/sandbox", content=body).status_code == 404


def test_the_sandbox_is_not_there_to_be_steered(rtp: RunningInstance) -> None:
    shown = rtp("sandbox", "show")
    assert shown.returncode == 13
    assert "stripe, not the sandbox" in shown.stderr
