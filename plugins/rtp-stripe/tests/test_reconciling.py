"""The platform's own twelve differences, planted against localstripe: all found, none invented, all mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.payments import jobs as payment_jobs
from rtp.payments import service as payments
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import mending
from rtp.reconciliation.comparing import Comparison
from rtp.reconciliation.schemas import Look
from rtp.refunds import jobs as refund_jobs
from rtp.testing import reconciling
from rtp.testing.reconciling import Garden, Planted


@asynccontextmanager
async def beside(local: Any, frames: Frames) -> AsyncIterator[tuple[Garden, Callable[[], Comparison]]]:
    """Where differences are planted from now on, and the comparison that an hour later would make."""
    await asyncio.sleep(1.1)  # localstripe counts seconds: what others made before this one is not ours
    begun = datetime.now(UTC).replace(microsecond=0)
    frames.clock = FixedClock(datetime.now(UTC))
    frames.premises = replace(frames.premises, provider="stripe")
    about: dict[str, Any] = {"operation": "tests.look", "principal": LOCAL_OWNER, "trace": trace.start()}
    async with local.provider() as provider:

        def comparison() -> Comparison:
            now = datetime.now(UTC) + timedelta(hours=1)
            return Comparison(provider, provider.name, partial(frames.reading, **about), since=begun, now=now)

        jobs = (*payment_jobs.JOBS, *refund_jobs.JOBS)
        yield Garden(frames, provider, jobs, card=partial(local.card, local.pays)), comparison


async def test_twelve_planted_differences_are_found_and_gone_after_they_were_mended(local: Any, frames: Frames) -> None:
    async with beside(local, frames) as (garden, comparison):
        for _ in range(3):
            await garden.paid()
        planted = await reconciling.plant(garden)
        look = await comparison().look()
        assert len(planted) == 12
        assert found(look) == planted
        done = [await mending.mend(comparison(), garden.writing, one) for one in look.differences]
        assert {one.outcome for one in done} == {"mended", "set_aside"}
        assert found(await comparison().look()) == set()
        await garden.work()
        assert found(await comparison().look()) == set()


async def test_a_refund_made_in_the_dashboard_bears_its_own_id_and_is_taken_in(local: Any, frames: Frames) -> None:
    """Nothing of ours stands in its metadata, so only its own id names it."""
    async with beside(local, frames) as (garden, comparison):
        payment = await garden.paid()
        made = local.post("refunds", payment_intent=payment.provider_ref, amount="400")
        look = await comparison().look()
        assert found(look) == {("refund", "missing_here", "take", made["id"])}
        [done] = [await mending.mend(comparison(), garden.writing, one) for one in look.differences]
        assert done.outcome == "mended"
        assert found(await comparison().look()) == set()
        async with garden.writing() as frame:
            after = await payments.find(frame, payment.id)
        assert after.refunded == Money(400, "USD")


def found(look: Look) -> set[Planted]:
    return {(one.noun, one.kind, one.fix, one.name) for one in look.differences}
