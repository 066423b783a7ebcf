"""The nightly comparison of both records, as the invariants judge it: made, left open, or not made for too long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rtp.invariants.schemas import Finding
from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.reconciliation import jobs, policy
from rtp.settings import Settings
from tests.invariants.shop import Shop, line, shop

__all__ = ["shop"]
TICK = timedelta(microseconds=1)


async def compared(shop: Shop) -> None:
    """What the job does each night."""
    context = Context(
        frames=shop.frames, settings=Settings(), trace=trace.start(), name="reconciliation.look",
        services={"provider": shop.provider},
    )  # fmt: skip
    await jobs.look(context)


async def judged(shop: Shop) -> Finding:
    [found] = [one for one in (await shop.examine()).checks if one.name == "reconciliation"]
    return found


async def test_before_the_first_night_it_says_that_nothing_was_compared_yet(shop: Shop) -> None:
    found = await judged(shop)
    assert (found.state, found.detail) == ("ok", "both records are compared each night; not yet")


@pytest.mark.parametrize("beyond, state", [(timedelta(0), "ok"), (TICK, "warning")])
async def test_what_was_not_compared_for_more_than_two_days_is_not_taken_for_equal(
    shop: Shop, beyond: timedelta, state: str
) -> None:
    await compared(shop)
    assert (await judged(shop)).detail == "charges 1, refunds 1, disputes 0: equal here and there"
    shop.clock.instant += policy.LATEST + beyond
    found = await judged(shop)
    assert (found.state, found.count) == (state, 0)
    if state == "warning":
        assert (found.detail, found.fix) == ("not compared since 2026-03-02 15:30 UTC", "rtp reconcile run")
        await shop.check()
        assert "could not be judged: reconciliation" in (await line(shop)).detail


def test_a_comparison_may_be_missed_once() -> None:
    assert policy.LATEST.days == 2


async def test_what_a_comparison_left_open_stays_a_break_however_old_it_is(shop: Shop) -> None:
    card = await shop.provider.tokenize("visa")
    await shop.provider.charge("by-hand", Money(700, "USD"), card.ref, "by hand")
    shop.clock.instant += timedelta(hours=1)
    await compared(shop)
    for waited in (timedelta(0), policy.LATEST + TICK):
        shop.clock.instant += waited
        found = await judged(shop)
        assert (found.state, found.count, found.examples[0][:4]) == ("failed", 1, "rec_")
        assert found.fix == f"rtp reconcile show {found.examples[0]}"
