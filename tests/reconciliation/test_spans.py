"""What a comparison of a span cannot know: what was made before it, heard of within it, or found by a longer one."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from rtp.invariants import service as invariants
from rtp.invariants.schemas import Finding
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import mending, service
from rtp.reconciliation.comparing import Comparison
from rtp.reconciliation.schemas import Run
from rtp.refunds import adopting
from rtp.testing.reconciling import Garden
from rtp.today import service as today
from tests.reconciliation.test_came_back import nightly
from tests.reconciliation.test_planted import garden

__all__ = ["garden"]
ABOUT: dict[str, Any] = {"operation": "tests.look", "principal": LOCAL_OWNER}


def comparison(garden: Garden, span: timedelta) -> Comparison:
    now = garden.frames.clock.now()
    reading = partial(garden.frames.reading, **ABOUT, trace=trace.start())
    return Comparison(garden.provider, "sandbox", reading, since=now - span, now=now)


async def by_hand(garden: Garden, span: timedelta) -> Run:
    """Plan a comparison of a span, and carry it out."""
    compared = comparison(garden, span)
    look = await compared.look()
    done = [await mending.mend(compared, garden.writing, one) for one in look.differences]
    async with garden.writing() as frame:
        return await service.keep_mend(frame, look, done)


async def judged(garden: Garden) -> dict[str, Finding]:
    """What the invariants find."""
    record = await invariants.ask(garden.provider, garden.frames.clock.now())
    async with garden.frames.reading(**ABOUT, trace=trace.start()) as frame:
        return {one.name: one for one in (await invariants.examine(frame, record)).checks}


async def differing(garden: Garden) -> list[int]:
    """What the morning page says of differences with the provider."""
    async with garden.frames.reading(**ABOUT, trace=trace.start()) as frame:
        wanted = (await today.show(frame)).attention
    return [one.count for one in wanted if one.what == "differences with the provider"]


async def test_a_dispute_that_was_heard_of_late_is_no_difference_to_a_list_that_begins_after_it(
    garden: Garden, clock: FixedClock
) -> None:
    payment = await garden.paid()
    assert garden.object is not None
    await garden.object(payment)
    clock.instant += timedelta(days=10)
    assert [one.outcome for one in (await by_hand(garden, timedelta(days=90))).differences] == ["mended"]
    clock.instant += timedelta(days=1)
    assert (await comparison(garden, timedelta(days=7)).look()).differences == []


async def test_a_refund_that_was_taken_in_long_after_it_was_made_there_breaks_no_rule(
    garden: Garden, clock: FixedClock
) -> None:
    payment = await garden.paid()
    made = await garden.provider.refund("by-hand", payment.provider_ref or "", payment.amount, "duplicate")
    clock.instant += timedelta(days=5)
    async with garden.writing() as frame:
        await adopting.take_in(frame, payment.id, made)
    clock.instant += timedelta(hours=1)
    assert (await judged(garden))["provider record"].state == "ok"


async def test_a_comparison_of_an_hour_heals_nothing_that_a_longer_one_left_open(
    garden: Garden, clock: FixedClock
) -> None:
    payment = await garden.paid()
    await garden.provider.refund("by-hand", payment.provider_ref or "", payment.amount, "duplicate")
    clock.instant += timedelta(days=30)
    found = await nightly(garden)
    assert (found.left_open, await differing(garden)) == (1, [1])
    clock.instant += timedelta(hours=3)
    assert (await by_hand(garden, timedelta(hours=1))).left_open == 0
    rule = (await judged(garden))["reconciliation"]
    assert (rule.state, rule.count, rule.fix) == ("failed", 1, f"rtp reconcile show {found.id}")
    assert await differing(garden) == [1]
    clock.instant += timedelta(hours=21)
    again = await nightly(garden)
    assert (again.left_open, again.since) == (1, found.since)
    assert (await by_hand(garden, timedelta(days=90))).left_open == 0
    assert ((await judged(garden))["reconciliation"].state, await differing(garden)) == ("ok", [])
    clock.instant += timedelta(days=1)
    assert (await nightly(garden)).left_open == 0


async def test_a_comparison_of_an_hour_is_not_taken_for_the_one_of_the_night(garden: Garden, clock: FixedClock) -> None:
    await nightly(garden)
    clock.instant += timedelta(days=3)
    await by_hand(garden, timedelta(hours=1))
    assert (await judged(garden))["reconciliation"].state == "warning"
    await by_hand(garden, timedelta(days=7))
    assert (await judged(garden))["reconciliation"].state == "ok"
