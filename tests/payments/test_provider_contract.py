"""What every payment provider promises, asked of the fake and of the adapter against a real sandbox process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from rtp.errors import ExitCode
from rtp.kit.money import Money
from rtp.payments.errors import (
    CardNotKnown,
    ProviderDeclined,
    ProviderKeyReused,
    ProviderOutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
)
from rtp.payments.fakes import FakeProvider
from rtp.payments.http_provider import HttpProvider
from rtp.payments.ports import PaymentProvider, ProviderCharge
from rtp.sandbox.schemas import Control
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


async def test_a_card_gets_a_reference_and_shows_only_its_brand_and_last_four(provider: PaymentProvider) -> None:
    visa, declined = await provider.tokenize("visa"), await provider.tokenize("declined")
    assert (visa.brand, visa.last4) == ("visa", "4242")
    assert visa.ref != declined.ref
    assert await provider.tokenize("visa") == visa


async def test_a_card_that_is_no_test_card_is_refused_with_the_names_of_those(provider: PaymentProvider) -> None:
    with pytest.raises(CardNotKnown, match=r"'visas' is not a card .* visa, declined, insufficient-funds, "):
        await provider.tokenize("visas")


async def test_a_real_card_number_is_never_repeated(provider: PaymentProvider) -> None:
    with pytest.raises(CardNotKnown) as refused:
        await provider.tokenize("4111 1111 1111 1111")
    assert "1111" not in str(refused.value.problem())


async def test_a_charge_takes_the_money_and_is_found_by_its_key(provider: PaymentProvider, key: str) -> None:
    charge = await charged(provider, key)
    assert (charge.state, charge.amount, charge.failure_reason) == ("succeeded", TEN, "")
    assert await provider.retrieve_charge_by_key(f"charge:{key}") == charge
    assert charge in await provider.list_charges(charge.created_at)


async def test_nothing_is_found_under_a_key_that_was_never_used(provider: PaymentProvider, key: str) -> None:
    assert await provider.retrieve_charge_by_key(key) is None
    assert await provider.retrieve_refund_by_key(key) is None


async def test_a_key_that_needs_quoting_in_a_url_is_found_again(provider: PaymentProvider, key: str) -> None:
    charge = await charged(provider, f"{key}&after=1#%25+/")
    assert await provider.retrieve_charge_by_key(charge.key) == charge


async def test_the_same_key_and_request_give_the_same_charge(provider: PaymentProvider, key: str) -> None:
    first = await charged(provider, key)
    assert await charged(provider, key) == first


async def test_one_key_for_two_requests_is_refused_and_the_first_stands(provider: PaymentProvider, key: str) -> None:
    charge = await charged(provider, key)
    with pytest.raises(ProviderKeyReused):
        await charged(provider, key, Money(1001, "USD"))
    assert await provider.retrieve_charge_by_key(charge.key) == charge
    await provider.refund(key, charge.ref, Money(100, "USD"), "duplicate")
    with pytest.raises(ProviderKeyReused):
        await provider.refund(key, charge.ref, Money(100, "USD"), "goodwill")


async def test_parallel_calls_with_one_key_make_one_object(provider: PaymentProvider, key: str) -> None:
    charges = await asyncio.gather(*(charged(provider, key) for _ in range(8)))
    assert len({charge.ref for charge in charges}) == 1
    refunds = await asyncio.gather(*(provider.refund(key, charges[0].ref, TEN, "duplicate") for _ in range(8)))
    assert len({refund.ref for refund in refunds}) == 1
    assert {refund.state for refund in refunds} == {"succeeded"}


async def test_parallel_refunds_never_return_more_than_was_charged(provider: PaymentProvider, key: str) -> None:
    charge = await charged(provider, key)
    four = Money(400, "USD")
    refunds = await asyncio.gather(*(provider.refund(f"{key}:{n}", charge.ref, four, "duplicate") for n in range(5)))
    assert sorted(refund.state for refund in refunds) == ["failed"] * 3 + ["succeeded"] * 2
    assert {refund.failure_reason for refund in refunds} == {"", "charge_already_refunded"}


async def test_the_cap_is_met_to_the_cent(provider: PaymentProvider, key: str) -> None:
    charge = await charged(provider, key)
    assert (await provider.refund(f"{key}:1", charge.ref, Money(999, "USD"), "partial")).state == "succeeded"
    assert (await provider.refund(f"{key}:2", charge.ref, Money(2, "USD"), "partial")).state == "failed"
    assert (await provider.refund(f"{key}:3", charge.ref, Money(1, "USD"), "partial")).state == "succeeded"


async def test_a_declined_card_says_why_and_its_charge_is_found_as_failed(provider: PaymentProvider, key: str) -> None:
    card = await provider.tokenize("declined")
    for _ in range(2):
        with pytest.raises(ProviderDeclined, match="the card's bank refused the payment") as declined:
            await provider.charge(key, TEN, card.ref, "a month")
    problem = declined.value.problem()
    assert (problem.code, problem.exit_code) == ("payment_declined", ExitCode.REFUSED)
    charge = await provider.retrieve_charge_by_key(key)
    assert charge is not None
    assert (charge.state, charge.failure_reason) == ("failed", "card_declined")
    assert problem.params["charge_ref"] == charge.ref
    refund = await provider.refund(key, charge.ref, TEN, "duplicate")
    assert (refund.state, refund.failure_reason) == ("failed", "charge_not_captured")


async def test_a_refund_of_an_unknown_charge_or_another_currency_fails(provider: PaymentProvider, key: str) -> None:
    missing = await provider.refund(f"{key}:1", "ch_none", TEN, "duplicate")
    assert (missing.state, missing.failure_reason) == ("failed", "charge_not_found")
    charge = await charged(provider, key)
    euros = await provider.refund(f"{key}:2", charge.ref, Money(100, "EUR"), "duplicate")
    assert (euros.state, euros.failure_reason) == ("failed", "currency_mismatch")
    assert await provider.retrieve_refund_by_key(f"{key}:2") == euros


@pytest.mark.parametrize("amount", [0, -1])
async def test_an_amount_that_is_not_positive_is_refused(provider: PaymentProvider, key: str, amount: int) -> None:
    charge = await charged(provider, key)
    with pytest.raises(ProviderRefused, match="is not a positive amount"):
        await provider.refund(key, charge.ref, Money(amount, "USD"), "duplicate")
    assert await provider.retrieve_refund_by_key(key) is None


@pytest.mark.parametrize("wrong", ["", " ", "two words", "line\nbreak", "schlüssel", "k" * 256])
async def test_a_key_that_no_header_can_carry_is_refused(provider: PaymentProvider, wrong: str) -> None:
    with pytest.raises(ProviderRefused, match="visible ASCII"):
        await provider.charge(wrong, TEN, "card_visa", "a month")


async def test_a_card_reference_that_does_not_exist_is_refused(provider: PaymentProvider, key: str) -> None:
    with pytest.raises(ProviderRefused, match="no such card"):
        await provider.charge(key, TEN, "card_gone", "a month")
    assert await provider.retrieve_charge_by_key(key) is None


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


async def test_lists_begin_at_the_instant_and_leave_nothing_out(provider: PaymentProvider, key: str) -> None:
    before = await charged(provider, f"{key}:before")
    charges = [await charged(provider, f"{key}:{number}") for number in range(3)]
    refunds = [await provider.refund(f"{key}:{charge.ref}", charge.ref, TEN, "duplicate") for charge in charges]
    listed = await provider.list_charges(charges[0].created_at)
    assert listed == charges
    assert before not in listed
    assert await provider.list_refunds(refunds[1].created_at) == refunds[1:]
