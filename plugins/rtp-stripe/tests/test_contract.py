"""The contract of payment providers, held by the adapter against localstripe, a Stripe that we did not write."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import stripe

from rtp.payments.errors import ProviderRefused
from rtp.payments.ports import ProviderCharge
from rtp.testing.contract import Subject, Webhook
from rtp.testing.contract_events import ProviderContract
from rtp_stripe import webhooks

SECRET, OTHER = "whsec_of_the_endpoint", "whsec_of_another"


def sign(secret: str, body: bytes, seconds: int) -> dict[str, str]:
    return {"Stripe-Signature": f"t={seconds},v1={webhooks.signature(secret, seconds, body)},v0=of-old"}


async def webhook(charge: ProviderCharge) -> Webhook:
    """A `charge.succeeded` in the fields that Stripe documents."""
    thing = {
        "id": "ch_1", "object": "charge", "status": "succeeded", "captured": True, "amount": charge.amount.amount,
        "amount_captured": charge.captured.amount, "currency": "usd", "payment_intent": charge.ref,
        "payment_method": charge.card_ref, "metadata": {"rtp_key": charge.key, "rtp_card": charge.card_ref},
        "created": int(charge.created_at.timestamp()), "failure_code": None, "outcome": {"reason": None},
    }  # fmt: skip
    told = {
        "id": "evt_1", "object": "event", "type": "charge.succeeded", "created": thing["created"],
        "data": {"object": thing},
    }  # fmt: skip
    body = json.dumps(told).encode()
    now = charge.created_at
    event = webhooks.verify(sign(SECRET, body, int(now.timestamp())), body, now, [SECRET])
    assert event.subject == charge
    return Webhook(event, sign, body, SECRET, OTHER)


class TestLocalstripe(ProviderContract):
    @pytest.fixture
    async def subject(self, local: Any) -> AsyncIterator[Subject]:
        transport = local.losing()
        async with AsyncExitStack() as stack:
            provider = await stack.enter_async_context(local.provider(transport))
            away = await stack.enter_async_context(local.provider(away=True))

            @asynccontextmanager
            async def lost_answers() -> AsyncIterator[None]:
                transport.on = True
                yield
                transport.on = False

            @asynccontextmanager
            async def failing_late() -> AsyncIterator[None]:
                before = {one["id"] for one in local.get("refunds?limit=100")["data"]}
                yield
                for one in local.get("refunds?limit=100")["data"]:
                    if one["id"] not in before:
                        local.post(f"refunds/{one['id']}", status="failed")

            subject = Subject(
                provider,
                card=local.card(local.pays),
                declined_card=local.card(local.declines),
                caps_refunds=False,
                lost_answers=lost_answers,
                unreachable=away,
                webhook=webhook,
                failing_late=failing_late,
            )
            await provider.tokenize(subject.card)
            yield subject

    # What localstripe cannot do: in place of the contract's rule stands what it does instead, so that a localstripe
    # that learns it turns the test red. The README lists them under the same names.

    async def test_no_more_is_returned_than_was_captured(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key, capture=False)
        await subject.provider.capture(f"{key}:capture", charge.ref, subject.money(600))
        over = await subject.provider.refund(f"{key}:1", charge.ref, subject.money(601), "duplicate")
        assert (over.state, over.amount) == ("succeeded", subject.money(601))

    async def test_parallel_refunds_never_return_more_than_was_charged(self, subject: Subject, key: str) -> None:
        charge, four = await subject.charged(key), subject.money(400)
        refunds = [await subject.provider.refund(f"{key}:{one}", charge.ref, four, "duplicate") for one in range(3)]
        assert [refund.state for refund in refunds] == ["succeeded"] * 3

    async def test_the_cap_is_met_to_the_cent(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key)
        over = await subject.provider.refund(key, charge.ref, subject.money(1001), "duplicate")
        assert over.state == "succeeded"

    async def test_what_is_turned_down_comes_back_as_failed_with_its_reason(self, subject: Subject, key: str) -> None:
        missing = await subject.provider.refund(key, "pi_none", subject.money(1000), "duplicate")
        assert (missing.state, missing.failure_reason, missing.ref) == ("failed", "charge_not_found", "")
        assert await subject.provider.retrieve_refund_by_key(key) is None
        assert (await subject.provider.refund(key, "pi_none", subject.money(1000), "duplicate")).state == "failed"

    @pytest.fixture
    def without_disputes(self, local: Any) -> None:
        assert local.status("disputes") == 404

    @pytest.mark.usefixtures("without_disputes")
    async def test_an_open_dispute_is_listed_and_holds_the_money(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key)
        assert await subject.provider.list_disputes(charge.created_at) == []

    @pytest.mark.usefixtures("without_disputes")
    async def test_evidence_is_handed_in_once_under_one_key(self, subject: Subject, key: str) -> None:
        with pytest.raises(ProviderRefused):
            await subject.provider.submit_evidence(key, "dp_none", {"receipt": "it was delivered"})

    @pytest.mark.usefixtures("without_disputes")
    async def test_an_accepted_dispute_is_lost_and_its_money_cannot_be_returned(
        self, subject: Subject, key: str
    ) -> None:
        with pytest.raises(ProviderRefused):
            await subject.provider.accept_dispute(key, "dp_none")

    @pytest.mark.usefixtures("without_disputes")
    async def test_a_dispute_that_does_not_exist_is_refused(self, subject: Subject, key: str) -> None:
        with pytest.raises(ProviderRefused, match="no dispute"):
            await subject.provider.accept_dispute(key, "dp_none")


def test_each_rule_of_the_contract_that_does_not_hold_is_listed_with_its_reason() -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text()
    listed = set(re.findall(r"^\| `(test_\w+)` \| .+ \|$", page, re.M))
    assert listed == {name for name in vars(TestLocalstripe) if name.startswith("test_")}
    assert all(hasattr(ProviderContract, name) for name in listed)


async def test_localstripe_still_lacks_what_its_dialect_leaves_out(local: Any) -> None:
    card = local.card(local.pays)
    charge = {"amount": "1000", "currency": "usd", "payment_method": card, "confirm": "true"}
    made = local.post("payment_intents", **charge)
    for path, more in (
        ("payment_intents", charge | {"description": "a month"}),
        ("refunds", {"payment_intent": str(made["id"]), "reason": "duplicate"}),
    ):
        assert "Unexpected" in str(local.post(path, **more))
    assert local.status("payment_intents?created[gte]=1700000000") == 400
    first, second = (local.post("payment_intents", key="one", **charge) for _ in range(2))
    assert first["id"] != second["id"]
    listed = [one["id"] for one in local.get("payment_intents?limit=1000")["data"]]
    assert listed.index(first["id"]) < listed.index(second["id"])


@pytest.mark.parametrize("seconds", [0, 1])
def test_what_we_sign_is_what_the_library_of_stripe_verifies(seconds: int) -> None:
    body, now = b'{"id": "evt_1", "object": "event"}', int(time.time()) - seconds
    header = sign(SECRET, body, now)["Stripe-Signature"]
    assert stripe.Webhook.construct_event(body, header, SECRET).id == "evt_1"
