"""What every payment provider promises, as tests that any adapter can run.

A plugin tests its adapter by a class of its own and one fixture:

    from rtp.testing.contract_events import ProviderContract

    class TestMine(ProviderContract):
        @pytest.fixture
        async def subject(self):
            yield Subject(provider=MyProvider(...), card="4242424242424242", declined_card="4000000000000002")

What the adapter's stand-in cannot be made to do is left out of the subject, and its rules are then skipped by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeVar

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
from rtp.payments.ports import DECLINES, REASONS, PaymentProvider, ProviderCharge, ProviderDispute, ProviderEvent

T = TypeVar("T")


@dataclass(frozen=True)
class Webhook:
    """A genuine webhook: the event in it, its body, and how its sender would sign any body with either secret."""

    event: ProviderEvent
    sign: Callable[[str, bytes, int], dict[str, str]]
    """(secret, body, seconds since 1970) → headers."""
    body: bytes
    secret: str
    other_secret: str


@dataclass(frozen=True)
class Subject:
    """An adapter under the contract, with cards that its provider's test mode knows.

    `lost_answers` makes the calls within its block succeed without an answer, `unreachable` is an adapter of the same
    kind whose provider is away, `dispute` lets a cardholder object to a charge, `webhook` makes one about a charge.
    `failing_late` makes the refunds within its block succeed, and fail soon after.
    """

    provider: PaymentProvider
    card: str
    declined_card: str
    currency: str = "USD"
    caps_refunds: bool = True
    lost_answers: Callable[[], AbstractAsyncContextManager[None]] | None = None
    unreachable: PaymentProvider | None = None
    dispute: Callable[[ProviderCharge], Awaitable[ProviderDispute]] | None = None
    webhook: Callable[[ProviderCharge], Awaitable[Webhook]] | None = None
    failing_late: Callable[[], AbstractAsyncContextManager[None]] | None = None

    def money(self, amount: int) -> Money:
        """An amount in the currency of its cards."""
        return Money(amount, self.currency)

    async def charged(self, key: str, amount: int = 1000, *, capture: bool = True) -> ProviderCharge:
        """A charge of the card that pays."""
        card = await self.provider.tokenize(self.card)
        return await self.provider.charge(key, self.money(amount), card.ref, "a month", capture)


def needs(ability: T | None, what: str) -> T:
    """The ability of a subject, or a skipped test that says which one is missing."""
    if ability is None:
        pytest.skip(f"the stand-in of this provider cannot {what}")
    return ability


class ChargeRules:
    """Cards, charges and their keys."""

    @pytest.fixture
    def key(self, request: pytest.FixtureRequest) -> str:
        """A key of the test's own, so that one provider serves them all."""
        return f"{request.node.name[:150]}-{id(request)}"

    async def test_a_card_gets_a_reference_and_shows_only_its_brand_and_last_four(self, subject: Subject) -> None:
        card = await subject.provider.tokenize(subject.card)
        assert card.ref
        assert card.brand
        assert len(card.last4) == 4

    async def test_a_card_that_does_not_exist_is_refused_and_never_repeated(self, subject: Subject) -> None:
        with pytest.raises(CardNotKnown) as refused:
            await subject.provider.tokenize("4111 1111 1111 1112")
        assert "1111" not in str(refused.value.problem())

    async def test_a_charge_takes_the_money_and_is_found_by_its_key(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key)
        assert (charge.key, charge.state, charge.failure_reason) == (key, "succeeded", "")
        assert charge.amount == charge.captured == subject.money(1000)
        assert subject.money(0) <= charge.fee < charge.captured
        assert await subject.provider.retrieve_charge_by_key(key) == charge
        assert charge in await subject.provider.list_charges(charge.created_at)

    async def test_nothing_is_found_under_a_key_that_was_never_used(self, subject: Subject, key: str) -> None:
        assert await subject.provider.retrieve_charge_by_key(key) is None
        assert await subject.provider.retrieve_refund_by_key(key) is None

    async def test_a_key_that_needs_quoting_in_a_url_is_found_again(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(f"{key}&after=1#%25+/")
        assert await subject.provider.retrieve_charge_by_key(charge.key) == charge

    async def test_the_same_key_and_request_give_the_same_charge(self, subject: Subject, key: str) -> None:
        first = await subject.charged(key)
        assert await subject.charged(key) == first

    async def test_parallel_calls_with_one_key_make_one_object(self, subject: Subject, key: str) -> None:
        charges = await asyncio.gather(*(subject.charged(key) for _ in range(8)))
        assert len({charge.ref for charge in charges}) == 1
        ref, ten = charges[0].ref, subject.money(1000)
        refunds = await asyncio.gather(*(subject.provider.refund(key, ref, ten, "duplicate") for _ in range(8)))
        assert len({refund.ref for refund in refunds}) == 1
        assert {refund.state for refund in refunds} <= {"succeeded", "pending"}

    async def test_one_key_for_two_charges_is_refused_and_the_first_stands(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key)
        with pytest.raises(ProviderKeyReused):
            await subject.charged(key, 1001)
        with pytest.raises(ProviderKeyReused):
            await subject.charged(key, capture=False)
        assert await subject.provider.retrieve_charge_by_key(key) == charge

    async def test_a_declined_card_says_why_and_its_charge_is_found_as_failed(self, subject: Subject, key: str) -> None:
        card = await subject.provider.tokenize(subject.declined_card)
        for _ in range(2):
            with pytest.raises(ProviderDeclined) as declined:
                await subject.provider.charge(key, subject.money(1000), card.ref, "a month")
        problem = declined.value.problem()
        assert (problem.code, problem.exit_code) == ("payment_declined", ExitCode.REFUSED)
        assert problem.params["decline_class"] in DECLINES.values()
        charge = await subject.provider.retrieve_charge_by_key(key)
        assert charge is not None
        assert (charge.state, charge.captured, charge.fee) == ("failed", subject.money(0), subject.money(0))
        assert charge.failure_reason in REASONS
        assert charge.failure_reason == problem.params["decline_code"]
        assert charge.ref == problem.params["charge_ref"]

    @pytest.mark.parametrize("wrong", ["", " ", "two words", "line\nbreak", "schlüssel", "k" * 256])
    async def test_a_key_that_no_header_can_carry_is_refused(self, subject: Subject, wrong: str) -> None:
        with pytest.raises(ProviderRefused, match="visible ASCII"):
            await subject.charged(wrong)

    @pytest.mark.parametrize("amount", [0, -1])
    async def test_an_amount_that_is_not_positive_is_refused(self, subject: Subject, key: str, amount: int) -> None:
        with pytest.raises(ProviderRefused):
            await subject.charged(key, amount)
        charge = await subject.charged(f"{key}:paid")
        with pytest.raises(ProviderRefused):
            await subject.provider.refund(key, charge.ref, subject.money(amount), "duplicate")
        assert await subject.provider.retrieve_refund_by_key(key) is None

    async def test_a_card_reference_that_does_not_exist_is_refused(self, subject: Subject, key: str) -> None:
        with pytest.raises(ProviderRefused):
            await subject.provider.charge(key, subject.money(1000), "card_gone", "a month")
        assert await subject.provider.retrieve_charge_by_key(key) is None

    async def test_charges_are_listed_from_the_instant_on_oldest_first_and_none_is_left_out(
        self, subject: Subject, key: str
    ) -> None:
        made = [await subject.charged(f"{key}:{number}") for number in range(4)]
        listed = await subject.provider.list_charges(made[1].created_at)
        assert [charge for charge in listed if charge.key.startswith(f"{key}:")][-3:] == made[1:]
        assert [charge.created_at for charge in listed] == sorted(charge.created_at for charge in listed)
        assert all(charge.created_at >= made[1].created_at for charge in listed)

    async def test_an_answer_that_was_lost_is_found_by_its_key(self, subject: Subject, key: str) -> None:
        losing = needs(subject.lost_answers, "lose an answer")
        async with losing():
            with pytest.raises(ProviderOutcomeUnknown) as unknown:
                await subject.charged(key)
        assert unknown.value.exit_code == ExitCode.UNKNOWN_OUTCOME
        charge = await subject.provider.retrieve_charge_by_key(key)
        assert charge is not None
        assert charge.state == "succeeded"
        assert await subject.charged(key) == charge
        async with losing():
            with pytest.raises(ProviderOutcomeUnknown):
                await subject.provider.refund(key, charge.ref, charge.captured, "duplicate")
        refund = await subject.provider.retrieve_refund_by_key(key)
        assert refund is not None
        assert refund.amount == charge.captured
        assert await subject.provider.refund(key, charge.ref, charge.captured, "duplicate") == refund

    async def test_a_provider_that_is_away_did_nothing_and_says_so(self, subject: Subject, key: str) -> None:
        away = needs(subject.unreachable, "be away")
        assert not await away.health()
        with pytest.raises(ProviderUnavailable):
            await away.charge(key, subject.money(1000), "card", "a month")
        with pytest.raises(ProviderUnavailable):
            await away.retrieve_charge_by_key(key)
        assert await subject.provider.health()
        assert await subject.provider.retrieve_charge_by_key(key) is None
