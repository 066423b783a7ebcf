"""What only Stripe does, and localstripe does not: answers in the form that its API reference documents."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from rtp.kit import ids
from rtp.kit.money import Money
from rtp.payments.errors import (
    CardNotKnown,
    ProviderDeclined,
    ProviderKeyReused,
    ProviderOutcomeUnknown,
    ProviderRefused,
)
from rtp.payments.ports import ProviderDispute
from rtp_stripe import connecting
from rtp_stripe.dialect import STRIPE
from rtp_stripe.provider import StripeProvider

AT = int(time.time()) - 5  # keys are made by the real clock
NOW = datetime.fromtimestamp(AT, UTC)
TEN = Money(1000, "USD")
METHOD = {"id": "pm_1", "customer": "cus_1", "type": "card", "card": {"brand": "visa", "last4": "4242"}}


def intent(**more: Any) -> dict[str, Any]:
    entry = {"id": "txn_1", "fee": 59, "currency": "usd"}
    return {
        "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1000, "amount_received": 1000,
        "currency": "usd", "created": AT, "payment_method": "pm_1", "metadata": {"rtp_key": "k"},
        "latest_charge": {"id": "ch_1", "object": "charge", "balance_transaction": entry}, "last_payment_error": None,
    } | more  # fmt: skip


def dispute(**more: Any) -> dict[str, Any]:
    return {
        "id": "du_1", "object": "dispute", "status": "needs_response", "amount": 1000, "currency": "usd",
        "reason": "fraudulent", "created": AT, "evidence_details": {"due_by": AT + 86_400}, "metadata": {},
        "charge": "ch_1", "payment_intent": intent(),
    } | more  # fmt: skip


def page(*things: Mapping[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": list(things), "has_more": False, "url": "/v1/things"}


def error(status: int, **parts: Any) -> tuple[int, Any]:
    return status, {"error": {"message": "of stripe"} | parts}


class Stripe:
    """Answers by (method, path), and what it was asked."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, str], str]] = []
        calls = connecting.calls("sk_test_1", "https://stripe.test", STRIPE, httpx.MockTransport(self.answer))
        self.provider = StripeProvider(calls)

    def answer(self, request: httpx.Request) -> httpx.Response:
        what = f"{request.method} {request.url.path.removeprefix('/v1/')}"
        given = parse_qs(request.content.decode() or request.url.query.decode())
        fields = {name: values[0] for name, values in given.items()}
        self.asked.append((what, fields, request.headers.get("idempotency-key", "")))
        found = self.answers[what]
        status, body = found if isinstance(found, tuple) else (200, found)
        return httpx.Response(status, json=body)

    def given(self, what: str) -> dict[str, str]:
        """The parameters of the one request of this kind."""
        [fields] = [fields for name, fields, _ in self.asked if name == what]
        return fields


def young(prefix: str) -> str:
    """A key of ours that was made just now."""
    return ids.show(prefix, ids.IdSource().uuid())


async def test_a_young_key_is_stripes_own_and_needs_no_look_before() -> None:
    key = young("pay")
    stripe = Stripe({"GET payment_methods/pm_1": METHOD, "POST payment_intents": (402, {})})
    made = intent(metadata={"rtp_key": key})
    stripe.answers = dict(stripe.answers) | {"POST payment_intents": made}
    with pytest.raises(ProviderKeyReused):  # the answer is of a request that was not this one
        await stripe.provider.charge(key, TEN, "pm_1", "a month")
    digest = stripe.given("POST payment_intents")["metadata[rtp_request]"]
    made["metadata"]["rtp_request"] = digest
    charge = await stripe.provider.charge(key, TEN, "pm_1", "a month")
    assert (charge.key, charge.state, charge.fee) == (key, "succeeded", Money(59, "USD"))
    assert [what for what, _, _ in stripe.asked] == ["GET payment_methods/pm_1", "POST payment_intents"] * 2
    _, fields, header = stripe.asked[1]
    assert header == fields["metadata[rtp_key]"] == key
    assert (fields["description"], fields["customer"], fields["off_session"]) == ("a month", "cus_1", "true")
    assert (fields["capture_method"], fields["payment_method_types[0]"]) == ("automatic", "card")


async def test_an_old_key_is_looked_for_before_it_is_used_again() -> None:
    stripe = Stripe(
        {"GET payment_methods/pm_1": METHOD, "GET payment_intents": page(intent(metadata={"rtp_key": "k"}))}
    )
    with pytest.raises(ProviderKeyReused):
        await stripe.provider.charge("k", TEN, "pm_1", "a month")
    assert all(what != "POST payment_intents" for what, _, _ in stripe.asked)


async def test_what_was_made_in_the_dashboard_is_found_by_its_own_id_however_old_it_is() -> None:
    back = {
        "id": "re_1", "object": "refund", "status": "succeeded", "amount": 400, "currency": "usd",
        "created": AT - 90 * 86_400, "payment_intent": "pi_1", "metadata": {},
    }  # fmt: skip
    stripe = Stripe({
        "GET refunds": page(), "GET refunds/re_1": back, "GET refunds/re_2": error(404, code="resource_missing"),
        "GET refunds/re_3": back | {"id": "re_3", "metadata": {"rtp_key": "k"}}, "GET payment_intents": page(),
        "GET payment_intents/pi_9": intent(id="pi_9", created=AT - 90 * 86_400, metadata={}),
    })  # fmt: skip
    refund = await stripe.provider.retrieve_refund_by_key("re_1")
    charge = await stripe.provider.retrieve_charge_by_key("pi_9")
    assert [(one.key, one.state) for one in (refund, charge) if one] == [("re_1", "succeeded"), ("pi_9", "succeeded")]
    assert await stripe.provider.retrieve_refund_by_key("re_2") is None
    assert await stripe.provider.retrieve_refund_by_key("re_3") is None, "it is ours, and has another key"


async def test_a_charge_is_looked_for_from_the_instant_in_its_key_on() -> None:
    key = young("pay")
    stripe = Stripe({"GET payment_intents": page()})
    assert await stripe.provider.retrieve_charge_by_key(key) is None
    made = (ids.parse("pay", key).int >> 80) / 1000
    assert int(stripe.given("GET payment_intents")["created[gte]"]) == int(made - 600)


@pytest.mark.parametrize(
    "code, reason, kind",
    [
        ("insufficient_funds", "insufficient_funds", "later"),
        ("stolen_card", "lost_card", "never"),
        ("expired_card", "expired_card", "other_card"),
        ("processing_error", "processing_error", "retry"),
        ("a_new_one", "card_declined", "later"),
    ],
)
async def test_a_decline_is_told_in_our_words_by_the_intent_it_leaves_behind(code: str, reason: str, kind: str) -> None:
    failed = {"code": "card_declined", "decline_code": code}
    stripe = Stripe({
        "GET payment_methods/pm_1": METHOD,
        "POST payment_intents": error(402, type="card_error", **failed, payment_intent={"id": "pi_1"}),
        "GET payment_intents/pi_1": intent(status="requires_payment_method", last_payment_error=failed),
    })  # fmt: skip
    key = young("pay")
    made = stripe.answers["GET payment_intents/pi_1"]
    with pytest.raises(ProviderKeyReused):
        await stripe.provider.charge(key, TEN, "pm_1", "a month")
    made["metadata"]["rtp_request"] = stripe.given("POST payment_intents")["metadata[rtp_request]"]
    with pytest.raises(ProviderDeclined) as declined:
        await stripe.provider.charge(key, TEN, "pm_1", "a month")
    assert (declined.value.params["decline_code"], declined.value.params["decline_class"]) == (reason, kind)
    assert declined.value.params["charge_ref"] == "pi_1"


@pytest.mark.parametrize(
    "reason, sent",
    [("duplicate", "duplicate"), ("goodwill", "requested_by_customer"), ("fraudulent", "fraudulent")],
)
async def test_a_reason_goes_in_the_closed_list_and_ours_beside_it(reason: str, sent: str) -> None:
    made = {
        "id": "re_1", "object": "refund", "status": "pending", "amount": 400, "currency": "usd", "created": AT,
        "payment_intent": "pi_1", "reason": sent, "metadata": {"rtp_key": "k", "rtp_reason": reason},
    }  # fmt: skip
    stripe = Stripe({"GET payment_intents/pi_1": intent(), "POST refunds": made})
    refund = await stripe.provider.refund(young("rfd"), "pi_1", Money(400, "USD"), reason)
    assert (refund.state, refund.reason, refund.charge_ref) == ("pending", reason, "pi_1")
    given = stripe.given("POST refunds")
    assert (given["reason"], given["metadata[rtp_reason]"]) == (sent, reason)


@pytest.mark.parametrize(
    "refusal, why",
    [
        ({"code": "charge_already_refunded"}, "charge_already_refunded"),
        ({"code": "charge_disputed"}, "charge_disputed"),
        ({"param": "amount"}, "charge_already_refunded"),
    ],
)
async def test_a_refund_that_stripe_turns_down_is_a_failed_one(refusal: Any, why: str) -> None:
    stripe = Stripe({
        "GET payment_intents/pi_1": intent(), "POST refunds": error(400, type="invalid_request_error", **refusal),
    })  # fmt: skip
    refund = await stripe.provider.refund(young("rfd"), "pi_1", TEN, "duplicate")
    assert (refund.state, refund.failure_reason) == ("failed", why)


async def test_a_refund_in_another_currency_is_never_sent() -> None:
    stripe = Stripe({"GET payment_intents/pi_1": intent()})
    refund = await stripe.provider.refund(young("rfd"), "pi_1", Money(1000, "JPY"), "duplicate")
    assert (refund.state, refund.failure_reason) == ("failed", "currency_mismatch")


async def test_a_fee_in_another_currency_is_not_booked_as_one_of_the_charge() -> None:
    entry = {"id": "txn_1", "fee": 59, "currency": "eur"}
    stripe = Stripe({"GET payment_intents": page(intent(latest_charge={"id": "ch_1", "balance_transaction": entry}))})
    [charge] = await stripe.provider.list_charges(NOW)
    assert charge.fee == Money(0, "USD")


async def test_an_intent_that_nobody_came_to_pay_is_no_charge_and_one_of_the_dashboard_bears_its_own_id() -> None:
    left = intent(id="pi_2", status="requires_payment_method", metadata={})
    stripe = Stripe({"GET payment_intents": page(left, intent(id="pi_3", metadata={}))})
    assert [charge.key for charge in await stripe.provider.list_charges(NOW)] == ["pi_3"]


async def test_lists_come_newest_first_and_are_given_oldest_first_within_a_second_too() -> None:
    listed = [intent(id=f"pi_{one}", metadata={"rtp_key": f"k{one}"}) for one in (3, 2, 1)]
    stripe = Stripe({"GET payment_intents": page(*listed)})
    assert [charge.ref for charge in await stripe.provider.list_charges(NOW)] == ["pi_1", "pi_2", "pi_3"]


async def test_a_dispute_bears_the_key_of_its_charge_and_the_day_it_is_due() -> None:
    stripe = Stripe({"GET disputes": page(dispute(), dispute(id="du_0", status="warning_closed", created=AT - 9))})
    [found] = await stripe.provider.list_disputes(NOW)
    assert found == ProviderDispute(
        ref="du_1", key="k", charge_ref="pi_1", amount=TEN, reason="fraudulent", state="needs_response",
        due_by=datetime.fromtimestamp(AT + 86_400, UTC), created_at=NOW, fee=Money(0, "USD"),
    )  # fmt: skip
    assert stripe.given("GET disputes")["expand[0]"] == "data.payment_intent"


@pytest.mark.parametrize(
    "entries, fee",
    [
        ([], Money(0, "USD")),
        ([("usd", 1500)], Money(1500, "USD")),
        ([("usd", 1500), ("usd", -1500)], Money(0, "USD")),
        ([("usd", 1500), ("usd", 1500), ("usd", -1500)], Money(1500, "USD")),
        ([("eur", 1400)], None),
    ],
)
async def test_the_fee_of_a_dispute_is_what_its_balance_entries_say(entries: Any, fee: Money | None) -> None:
    told = [{"id": "txn_2", "amount": -1000, "currency": currency, "fee": units} for currency, units in entries]
    stripe = Stripe({"GET disputes": page(dispute(balance_transactions=told))})
    [found] = await stripe.provider.list_disputes(NOW)
    assert found.fee == fee


async def test_evidence_is_handed_in_once_and_its_key_is_kept_with_the_dispute() -> None:
    stripe = Stripe({"GET disputes/du_1": dispute(), "POST disputes/du_1": dispute(status="under_review")})
    answered = await stripe.provider.submit_evidence("a", "du_1", {"order": "1001"})
    assert answered.state == "under_review"
    given = stripe.given("POST disputes/du_1")
    assert (given["submit"], given["evidence[uncategorized_text]"]) == ("true", "order: 1001")
    notes = {"rtp_answer_key": given["metadata[rtp_answer_key]"], "rtp_answer": given["metadata[rtp_answer]"]}
    stripe.answers = {"GET disputes/du_1": dispute(status="under_review", metadata=notes)}
    assert (await stripe.provider.submit_evidence("a", "du_1", {"order": "1001"})).state == "under_review"
    with pytest.raises(ProviderKeyReused):
        await stripe.provider.submit_evidence("a", "du_1", {"order": "1002"})
    with pytest.raises(ProviderRefused):
        await stripe.provider.submit_evidence("b", "du_1", {"order": "1001"})


async def test_an_accepted_dispute_is_closed_as_lost_and_never_twice() -> None:
    stripe = Stripe({
        "GET disputes/du_1": dispute(), "POST disputes/du_1": dispute(),
        "POST disputes/du_1/close": dispute(status="lost"),
    })  # fmt: skip
    assert (await stripe.provider.accept_dispute("a", "du_1")).state == "lost"
    notes = {"rtp_answer_key": "a", "rtp_answer": "accepted"}
    stripe.answers = {"GET disputes/du_1": dispute(status="lost", metadata=notes)}
    assert (await stripe.provider.accept_dispute("a", "du_1")).state == "lost"
    with pytest.raises(ProviderRefused):
        await stripe.provider.accept_dispute("b", "du_1")


async def test_a_second_call_with_a_key_in_use_is_of_unknown_outcome() -> None:
    stripe = Stripe({"GET payment_intents/pi_1": intent(), "POST refunds": error(409, code="idempotency_key_in_use")})
    with pytest.raises(ProviderOutcomeUnknown):
        await stripe.provider.refund(young("rfd"), "pi_1", TEN, "duplicate")


async def test_a_card_without_a_customer_gets_one_and_a_number_is_not_even_asked_about() -> None:
    stripe = Stripe({
        "GET payment_methods/pm_1": METHOD | {"customer": None},
        "POST customers": {"id": "cus_2", "object": "customer"},
        "POST payment_methods/pm_1/attach": METHOD,
    })  # fmt: skip
    card = await stripe.provider.tokenize("pm_1")
    assert (card.ref, card.brand, card.last4) == ("pm_1", "visa", "4242")
    assert [key for what, _, key in stripe.asked if what == "POST customers"] == ["customer:pm_1"]
    asked = len(stripe.asked)
    with pytest.raises(CardNotKnown) as refused:
        await stripe.provider.tokenize("4242424242424242")
    assert "4242" not in str(refused.value.problem())
    assert len(stripe.asked) == asked
