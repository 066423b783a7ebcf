"""What Stripe's events become; the contract has the signature."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rtp.kit.money import Money
from rtp.payments.errors import WebhookForged, WebhookUnknown
from rtp.payments.ports import ProviderCharge, ProviderDispute, ProviderEvent, ProviderRefund
from rtp_stripe import webhooks

AT = 1_790_000_000
NOW = datetime.fromtimestamp(AT, UTC)
SECRET = "whsec_of_the_endpoint"
INTENT = {
    "id": "pi_1",
    "amount": 1000,
    "amount_received": 1000,
    "currency": "usd",
    "created": AT,
    "metadata": {"rtp_key": "k"},
}
CHARGE = {
    "id": "ch_1",
    "amount": 1000,
    "currency": "usd",
    "created": AT,
    "payment_intent": "pi_1",
    "metadata": {"rtp_key": "k"},
}
REFUND = {
    "id": "re_1",
    "amount": 400,
    "currency": "usd",
    "created": AT,
    "payment_intent": "pi_1",
    "metadata": {"rtp_key": "r"},
}
DISPUTE = {
    "id": "du_1", "amount": 1000, "currency": "usd", "created": AT, "payment_intent": "pi_1", "charge": "ch_1",
    "reason": "fraudulent", "evidence_details": {"due_by": None},
}  # fmt: skip


def told(type: str, thing: dict[str, Any]) -> ProviderEvent:
    body = json.dumps({"id": "evt_1", "type": type, "created": AT, "data": {"object": thing}}).encode()
    return read(body)


def read(body: bytes, header: str | None = None) -> ProviderEvent:
    signed = f"t={AT},v1={webhooks.signature(SECRET, AT, body)}" if header is None else header
    return webhooks.verify({"stripe-signature": signed}, body, NOW, [SECRET])


@pytest.mark.parametrize(
    "type, thing, becomes, partial",
    [
        ("payment_intent.succeeded", INTENT | {"status": "succeeded"}, "charge.succeeded", True),
        ("payment_intent.payment_failed", INTENT | {"status": "requires_payment_method"}, "charge.failed", False),
        ("payment_intent.canceled", INTENT | {"status": "canceled"}, "charge.failed", False),
        ("charge.succeeded", CHARGE | {"status": "succeeded", "captured": True}, "charge.succeeded", True),
        ("charge.captured", CHARGE | {"status": "succeeded", "captured": True}, "charge.succeeded", True),
        ("charge.failed", CHARGE | {"status": "failed", "captured": False}, "charge.failed", False),
        ("refund.created", REFUND | {"status": "pending"}, "refund.pending", False),
        ("refund.updated", REFUND | {"status": "succeeded"}, "refund.succeeded", False),
        ("refund.failed", REFUND | {"status": "failed", "failure_reason": "declined"}, "refund.failed", False),
        ("charge.dispute.created", DISPUTE | {"status": "needs_response"}, "dispute.opened", True),
        ("charge.dispute.funds_withdrawn", DISPUTE | {"status": "needs_response"}, "dispute.updated", True),
        ("charge.dispute.closed", DISPUTE | {"status": "won"}, "dispute.closed", True),
    ],
)
def test_each_event_becomes_one_of_ours(type: str, thing: dict[str, Any], becomes: str, partial: bool) -> None:
    event = told(type, thing)
    assert (event.type, event.partial, event.provider, event.created_at) == (becomes, partial, "stripe", NOW)
    kinds = {"charge": ProviderCharge, "refund": ProviderRefund, "dispute": ProviderDispute}
    assert isinstance(event.subject, kinds[becomes.partition(".")[0]])
    if isinstance(event.subject, ProviderRefund):
        assert (event.subject.key, event.subject.charge_ref) == ("r", "pi_1")
        assert event.subject.failure_reason == ("card_declined" if becomes == "refund.failed" else "")
    elif isinstance(event.subject, ProviderCharge):
        assert (event.subject.ref, event.subject.key) == ("pi_1", "k")
        assert event.subject.captured == Money(1000 if becomes == "charge.succeeded" else 0, "USD")
    else:
        assert (event.subject.key, event.subject.charge_ref) == ("", "pi_1")


@pytest.mark.parametrize(
    "type, thing",
    [
        ("customer.created", {"id": "cus_1"}),
        ("charge.succeeded", CHARGE | {"status": "succeeded", "captured": False}),
        ("refund.updated", REFUND | {"status": "succeeded", "currency": "xyz"}),
        ("refund.updated", {"id": "re_1"}),
        ("refund.updated", REFUND | {"status": "unheard of"}),
    ],
)
def test_what_there_is_no_use_for_is_known_as_such_and_not_taken_for_forged(type: str, thing: dict[str, Any]) -> None:
    with pytest.raises(WebhookUnknown):
        told(type, thing)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b'"text"', b'{"type": 1}', b"\xff"])
def test_a_signed_body_that_is_no_event_is_known_as_such(body: bytes) -> None:
    with pytest.raises(WebhookUnknown):
        read(body)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        f"t={AT}",
        "v1=00",
        f"t={AT},v0=00",
        f"t={AT},v1=",
        f"t={AT},v1=ü",
        "t=-1,v1=00",
        f"t={AT},t={AT},v1=00",
    ],
)
def test_a_header_in_another_form_is_forged(header: str) -> None:
    with pytest.raises(WebhookForged):
        read(b"{}", header)


def test_one_of_several_signatures_is_enough_while_stripe_rolls_a_secret() -> None:
    body = json.dumps(
        {"id": "evt_1", "type": "refund.updated", "created": AT, "data": {"object": REFUND | {"status": "succeeded"}}}
    ).encode()
    good = webhooks.signature(SECRET, AT, body)
    assert read(body, f"t={AT},v1={'0' * 64},v1={good}").id == "evt_1"
    with pytest.raises(WebhookForged):
        read(body, f"t={AT},v0={good}")
