"""The provider's contract about money that is reserved, taken in part, and returned."""

from __future__ import annotations

import asyncio

import pytest

from rtp.payments.errors import ProviderKeyReused, ProviderRefused
from rtp.testing.contract import Subject, needs

ASKED_AGAIN = 200
"""How often a provider is asked for what it will say soon."""


class CaptureRules:
    """What is reserved first and taken later."""

    async def test_what_is_only_authorized_takes_no_money(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key, capture=False)
        assert (charge.state, charge.amount) == ("authorized", subject.money(1000))
        assert (charge.captured, charge.fee) == (subject.money(0), subject.money(0))
        assert await subject.provider.retrieve_charge_by_key(key) == charge
        refund = await subject.provider.refund(key, charge.ref, subject.money(1), "duplicate")
        assert (refund.state, refund.failure_reason) == ("failed", "charge_not_captured")

    async def test_a_capture_takes_a_part_once_and_is_found_with_its_charge(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key, capture=False)
        taken = await subject.provider.capture(f"{key}:capture", charge.ref, subject.money(600))
        assert (taken.ref, taken.key, taken.state) == (charge.ref, key, "succeeded")
        assert (taken.amount, taken.captured) == (subject.money(1000), subject.money(600))
        assert subject.money(0) <= taken.fee < taken.captured
        assert await subject.provider.capture(f"{key}:capture", charge.ref, subject.money(600)) == taken
        assert await subject.provider.retrieve_charge_by_key(key) == taken
        with pytest.raises(ProviderRefused):
            await subject.provider.capture(f"{key}:again", charge.ref, subject.money(1))

    async def test_a_capture_beyond_what_was_authorized_is_refused(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key, capture=False)
        with pytest.raises(ProviderRefused):
            await subject.provider.capture(f"{key}:capture", charge.ref, subject.money(1001))
        assert await subject.provider.retrieve_charge_by_key(key) == charge

    async def test_one_key_for_two_captures_is_refused(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key, capture=False)
        await subject.provider.capture(f"{key}:capture", charge.ref, subject.money(600))
        with pytest.raises(ProviderKeyReused):
            await subject.provider.capture(f"{key}:capture", charge.ref, subject.money(601))

    async def test_no_more_is_returned_than_was_captured(self, subject: Subject, key: str) -> None:
        needs(subject.caps_refunds or None, "hold refunds to what was captured")
        charge = await subject.charged(key, capture=False)
        await subject.provider.capture(f"{key}:capture", charge.ref, subject.money(600))
        over = await subject.provider.refund(f"{key}:1", charge.ref, subject.money(601), "duplicate")
        assert (over.state, over.failure_reason) == ("failed", "charge_already_refunded")
        whole = await subject.provider.refund(f"{key}:2", charge.ref, subject.money(600), "duplicate")
        assert whole.state != "failed"


class RefundRules:
    """What goes back."""

    async def test_a_refund_is_found_by_its_key_and_in_the_list(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key)
        refund = await subject.provider.refund(key, charge.ref, subject.money(250), "duplicate")
        assert (refund.key, refund.charge_ref, refund.amount) == (key, charge.ref, subject.money(250))
        assert await subject.provider.retrieve_refund_by_key(key) == refund
        assert refund in await subject.provider.list_refunds(refund.created_at)
        assert await subject.provider.refund(key, charge.ref, subject.money(250), "duplicate") == refund

    async def test_one_key_for_two_refunds_is_refused_and_the_first_stands(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key)
        refund = await subject.provider.refund(key, charge.ref, subject.money(100), "duplicate")
        with pytest.raises(ProviderKeyReused):
            await subject.provider.refund(key, charge.ref, subject.money(101), "duplicate")
        assert await subject.provider.retrieve_refund_by_key(key) == refund

    async def test_parallel_refunds_never_return_more_than_was_charged(self, subject: Subject, key: str) -> None:
        needs(subject.caps_refunds or None, "hold refunds to what was captured")
        charge, four = await subject.charged(key), subject.money(400)
        refunds = await asyncio.gather(
            *(subject.provider.refund(f"{key}:{number}", charge.ref, four, "duplicate") for number in range(5))
        )
        assert sum(refund.state != "failed" for refund in refunds) == 2
        assert {refund.failure_reason for refund in refunds} == {"", "charge_already_refunded"}

    async def test_the_cap_is_met_to_the_cent(self, subject: Subject, key: str) -> None:
        needs(subject.caps_refunds or None, "hold refunds to what was captured")
        charge = await subject.charged(key)
        states = []
        for number, amount in enumerate((999, 2, 1)):
            refund = await subject.provider.refund(f"{key}:{number}", charge.ref, subject.money(amount), "partial")
            states.append(refund.state == "failed")
        assert states == [False, True, False]

    async def test_what_is_turned_down_comes_back_as_failed_with_its_reason(self, subject: Subject, key: str) -> None:
        missing = await subject.provider.refund(key, "ch_none", subject.money(1000), "duplicate")
        assert (missing.state, missing.failure_reason) == ("failed", "charge_not_found")
        assert await subject.provider.retrieve_refund_by_key(key) == missing

    async def test_a_refund_that_fails_after_it_succeeded_is_shown_as_failed_and_its_amount_is_free(
        self, subject: Subject, key: str
    ) -> None:
        failing_late = needs(subject.failing_late, "let a refund fail that had succeeded")
        charge, whole = await subject.charged(key), subject.money(1000)
        async with failing_late():
            refund = await subject.provider.refund(key, charge.ref, whole, "duplicate")
        assert refund.state == "succeeded"
        for _ in range(ASKED_AGAIN):
            now = await subject.provider.retrieve_refund_by_key(key)
            if now is not None and now.state != "succeeded":
                break
            await asyncio.sleep(0.05)
        assert now is not None
        assert (now.ref, now.amount, now.state) == (refund.ref, whole, "failed")
        assert now.failure_reason
        assert now in await subject.provider.list_refunds(refund.created_at)
        assert await subject.provider.refund(key, charge.ref, whole, "duplicate") == now
        again = await subject.provider.refund(f"{key}:again", charge.ref, whole, "duplicate")
        assert again.state != "failed"

    async def test_refunds_are_listed_from_the_instant_on_oldest_first(self, subject: Subject, key: str) -> None:
        charge = await subject.charged(key)
        made = [
            await subject.provider.refund(f"{key}:{number}", charge.ref, subject.money(10), "partial")
            for number in range(4)
        ]
        listed = await subject.provider.list_refunds(made[1].created_at)
        assert [refund for refund in listed if refund.key.startswith(f"{key}:")][-3:] == made[1:]
        assert [refund.created_at for refund in listed] == sorted(refund.created_at for refund in listed)
