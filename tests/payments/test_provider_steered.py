"""How the test cards and controls make the fake and a real sandbox process misbehave, the same for both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from rtp.errors import ExitCode
from rtp.kit.money import Money
from rtp.payments.errors import (
    ProviderDeclined,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
)
from rtp.payments.fakes import FakeProvider
from rtp.payments.http_provider import HttpProvider
from rtp.payments.ports import DECLINES, REASONS, PaymentProvider, ProviderCharge
from rtp.payments.sandbox_cards import TEST_CARDS
from rtp.sandbox.schemas import Control, DisputeOutcome
from rtp.testing.provider import Sandbox, running

HASTY = httpx.Timeout(5.0, read=1.0)
"""Gives up on an answer long before the sandbox does; enough for one that is not held back."""

TEN = Money(1000, "USD")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture(params=["fake", "http"])
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[FakeProvider | HttpProvider]:
    """Each test uses keys of its own, so the one process serves them all; the controls are put back."""
    if request.param == "fake":
        yield FakeProvider()
        return
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    adapter = HttpProvider(sandbox.url, sandbox.token)
    yield adapter
    await adapter.steer(Control())
    await adapter.close()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return request.node.name[:200].replace(" ", "_")


@contextmanager
def hasty(provider: FakeProvider | HttpProvider) -> Iterator[None]:
    """Within the block the caller does not wait long."""
    if isinstance(provider, FakeProvider):
        yield
        return
    patient = provider._client.timeout
    provider._client.timeout = HASTY
    yield
    provider._client.timeout = patient


async def charged(provider: PaymentProvider, key: str, amount: Money = TEN) -> ProviderCharge:
    return await provider.charge(f"charge:{key}", amount, (await provider.tokenize("visa")).ref, "a month")


async def test_the_slow_card_is_charged_all_the_same(provider: PaymentProvider, key: str) -> None:
    card = await provider.tokenize("slow")
    assert (await provider.charge(key, TEN, card.ref, "a month")).state == "succeeded"


async def test_times_out_after_success_is_of_unknown_outcome_and_found_by_its_key(
    provider: FakeProvider | HttpProvider, key: str
) -> None:
    card = await provider.tokenize("times-out-after-success")
    with hasty(provider), pytest.raises(ProviderOutcomeUnknown) as unknown:
        await provider.charge(key, TEN, card.ref, "a month")
    assert unknown.value.exit_code == ExitCode.UNKNOWN_OUTCOME
    charge = await provider.retrieve_charge_by_key(key)
    assert charge is not None
    assert charge.state == "succeeded"
    assert await provider.charge(key, TEN, card.ref, "a month") == charge
    with hasty(provider), pytest.raises(ProviderOutcomeUnknown):
        await provider.refund(key, charge.ref, TEN, "duplicate")
    refund = await provider.retrieve_refund_by_key(key)
    assert refund is not None
    assert refund.state == "succeeded"
    assert await provider.refund(key, charge.ref, TEN, "duplicate") == refund


async def test_while_down_it_takes_nothing_and_says_so(provider: FakeProvider | HttpProvider, key: str) -> None:
    await provider.steer(Control(down=True))
    assert not await provider.health()
    with pytest.raises(ProviderUnavailable):
        await provider.charge(key, TEN, "card_visa", "a month")
    with pytest.raises(ProviderUnavailable):
        await provider.retrieve_charge_by_key(key)
    await provider.steer(Control())
    assert await provider.health()
    assert await provider.retrieve_charge_by_key(key) is None


async def test_while_it_hangs_the_outcome_is_unknown(provider: FakeProvider | HttpProvider, key: str) -> None:
    await provider.steer(Control(hang=True))
    with hasty(provider), pytest.raises(ProviderOutcomeUnknown, match="no answer in time"):
        await provider.charge(key, TEN, "card_visa", "a month")
    with hasty(provider), pytest.raises(ProviderUnavailable):
        await provider.retrieve_charge_by_key(key)


async def test_an_answer_later_than_the_caller_waits_is_found_by_its_key(
    provider: FakeProvider | HttpProvider, key: str
) -> None:
    await provider.steer(Control(latency_ms=5_000))
    if isinstance(provider, HttpProvider):  # the fake has no caller whose patience ends
        with hasty(provider), pytest.raises(ProviderOutcomeUnknown, match="no answer in time"):
            await charged_by_reference(provider, key)
        await provider.steer(Control())
    charge = await charged_by_reference(provider, key)
    assert await provider.retrieve_charge_by_key(key) == charge
    assert [found.key for found in await provider.list_charges(LONG_AGO)].count(key) == 1


async def charged_by_reference(provider: PaymentProvider, key: str) -> ProviderCharge:
    return await provider.charge(key, TEN, "card_visa", "a month")


async def test_a_failure_rate_fails_that_share_of_the_calls(provider: FakeProvider | HttpProvider, key: str) -> None:
    await provider.steer(Control(fail_rate=0.25))
    failed = 0
    for number in range(20):
        try:
            await provider.charge(f"{key}:{number}", TEN, "card_visa", "a month")
        except ProviderOutcomeUnknown:
            failed += 1
    assert failed == 5
    await provider.steer(Control())
    made = [number for number in range(20) if await provider.retrieve_charge_by_key(f"{key}:{number}")]
    assert len(made) == 15


async def test_a_held_back_refund_is_pending_reserves_its_amount_and_succeeds_when_let_go(
    provider: FakeProvider | HttpProvider, key: str
) -> None:
    charge = await charged(provider, key)
    await provider.steer(Control(refunds_pending=True))
    assert (await provider.refund(f"{key}:1", charge.ref, TEN, "duplicate")).state == "pending"
    assert (await provider.refund(f"{key}:2", charge.ref, TEN, "duplicate")).failure_reason == "charge_already_refunded"
    await provider.steer(Control())
    refund = await provider.retrieve_refund_by_key(f"{key}:1")
    assert refund is not None
    assert refund.state == "succeeded"
    assert await provider.refund(f"{key}:1", charge.ref, TEN, "duplicate") == refund


async def test_a_delayed_refund_is_pending_first(provider: FakeProvider | HttpProvider, key: str) -> None:
    charge = await charged(provider, key)
    await provider.steer(Control(refund_delay_ms=60_000))
    assert (await provider.refund(key, charge.ref, TEN, "duplicate")).state == "pending"


async def test_a_refund_that_fails_later_holds_its_amount_until_then(
    provider: FakeProvider | HttpProvider, key: str
) -> None:
    charge = await charged(provider, key)
    await provider.steer(Control(refunds_pending=True, refund_failure="card_account_closed"))
    assert (await provider.refund(f"{key}:1", charge.ref, TEN, "duplicate")).state == "pending"
    assert (await provider.refund(f"{key}:0", charge.ref, TEN, "duplicate")).failure_reason == "charge_already_refunded"
    await provider.steer(Control())
    refund = await provider.retrieve_refund_by_key(f"{key}:1")
    assert refund is not None
    assert (refund.state, refund.failure_reason) == ("failed", "card_account_closed")
    assert (await provider.refund(f"{key}:2", charge.ref, TEN, "duplicate")).state == "succeeded"


@pytest.mark.parametrize("name", [name for name, card in TEST_CARDS.items() if card.decline])
async def test_each_declining_card_says_its_reason_and_what_can_be_done(
    provider: FakeProvider | HttpProvider, key: str, name: str
) -> None:
    card = await provider.tokenize(name)
    with pytest.raises(ProviderDeclined, match=REASONS[TEST_CARDS[name].decline]) as declined:
        await provider.charge(key, TEN, card.ref, "a month")
    params = declined.value.params
    assert params["decline_code"] == TEST_CARDS[name].decline
    assert params["decline_class"] == DECLINES[TEST_CARDS[name].decline]


async def test_a_decline_can_be_ordered_for_every_card(provider: FakeProvider | HttpProvider, key: str) -> None:
    await provider.steer(Control(decline="insufficient_funds"))
    with pytest.raises(ProviderDeclined, match="too little money"):
        await charged(provider, key)
    await provider.steer(Control())
    with pytest.raises(ProviderDeclined, match="too little money"):
        await charged(provider, key)
    assert (await charged(provider, f"{key}:2")).state == "succeeded"


@pytest.mark.parametrize("amount, fee", [(10_000, 320), (500, 45), (499, 44), (50, 31), (20, 20), (1, 1)])
async def test_the_fee_is_2_9_percent_half_up_and_30_and_never_more_than_the_charge(
    provider: FakeProvider | HttpProvider, key: str, amount: int, fee: int
) -> None:
    assert (await charged(provider, key, Money(amount, "USD"))).fee == Money(fee, "USD")


async def test_the_fee_can_be_set_and_is_of_what_was_captured(provider: FakeProvider | HttpProvider, key: str) -> None:
    await provider.steer(Control(fee_basis_points=100, fee_fixed=5))
    reserved = await provider.charge(key, TEN, "card_visa", "a month", capture=False)
    assert (await provider.capture(f"{key}:2", reserved.ref, Money(500, "USD"))).fee == Money(10, "USD")


async def test_times_out_before_success_does_nothing_the_first_time(
    provider: FakeProvider | HttpProvider, key: str
) -> None:
    card = await provider.tokenize("times-out-before-success")
    with hasty(provider), pytest.raises(ProviderOutcomeUnknown):
        await provider.charge(key, TEN, card.ref, "a month")
    assert await provider.retrieve_charge_by_key(key) is None
    charge = await provider.charge(key, TEN, card.ref, "a month")
    with hasty(provider), pytest.raises(ProviderOutcomeUnknown):
        await provider.refund(key, charge.ref, TEN, "duplicate")
    assert await provider.retrieve_refund_by_key(key) is None
    assert (await provider.refund(key, charge.ref, TEN, "duplicate")).state == "succeeded"


async def test_a_share_of_the_answers_is_lost_though_all_is_done(
    provider: FakeProvider | HttpProvider, key: str
) -> None:
    await provider.steer(Control(lost_answer_rate=0.5))
    lost = 0
    for number in range(4):
        with hasty(provider):
            try:
                await provider.charge(f"{key}:{number}", TEN, "card_visa", "a month")
            except ProviderOutcomeUnknown:
                lost += 1
    assert lost == 2
    assert all([await provider.retrieve_charge_by_key(f"{key}:{number}") for number in range(4)])


async def test_slow_money_is_pending_and_takes_nothing_until_it_is_let_go(
    provider: FakeProvider | HttpProvider, key: str
) -> None:
    await provider.steer(Control(charges_pending=True))
    pending = await charged(provider, key)
    assert (pending.state, pending.captured, pending.fee) == ("pending", Money(0, "USD"), Money(0, "USD"))
    assert (await provider.refund(key, pending.ref, TEN, "duplicate")).failure_reason == "charge_not_captured"
    await provider.steer(Control())
    charge = await provider.retrieve_charge_by_key(pending.key)
    assert charge is not None
    assert (charge.ref, charge.state, charge.captured) == (pending.ref, "succeeded", TEN)


async def test_the_disputed_card_is_disputed_at_once(provider: FakeProvider | HttpProvider, key: str) -> None:
    charge = await provider.charge(key, TEN, (await provider.tokenize("disputed")).ref, "a month")
    [dispute] = [one for one in await provider.list_disputes(charge.created_at) if one.key == key]
    assert (dispute.amount, dispute.state, dispute.reason) == (TEN, "needs_response", "fraudulent")
    assert (await provider.refund(key, charge.ref, TEN, "duplicate")).failure_reason == "charge_disputed"


@pytest.mark.parametrize(
    "outcome, evidence, state, refundable",
    [
        ("won", "a receipt", "won", True),
        ("lost", "a receipt", "lost", False),
        ("won", "losing_evidence", "lost", False),
        ("lost", "winning_evidence", "won", True),
        ("open", "a receipt", "under_review", False),
    ],
)
async def test_a_dispute_ends_as_its_evidence_says_else_as_the_controls_say(
    provider: FakeProvider | HttpProvider,
    key: str,
    outcome: DisputeOutcome,
    evidence: str,
    state: str,
    refundable: bool,
) -> None:
    await provider.steer(Control(dispute_outcome=outcome))
    charge = await provider.charge(key, TEN, (await provider.tokenize("disputed")).ref, "a month")
    [dispute] = [one for one in await provider.list_disputes(charge.created_at) if one.key == key]
    assert (await provider.submit_evidence(key, dispute.ref, {"receipt": evidence})).state == "under_review"
    [ended] = [one for one in await provider.list_disputes(charge.created_at) if one.key == key]
    assert ended.state == state
    assert ((await provider.refund(key, charge.ref, TEN, "duplicate")).state == "succeeded") == refundable


async def test_the_card_whose_refunds_fail_can_be_charged(provider: FakeProvider | HttpProvider, key: str) -> None:
    charge = await provider.charge(key, TEN, (await provider.tokenize("refunds-fail")).ref, "a month")
    refund = await provider.refund(key, charge.ref, TEN, "duplicate")
    assert (refund.state, refund.failure_reason) == ("failed", "card_account_closed")
