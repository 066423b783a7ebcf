"""The platform's own twelve differences, planted against localstripe: all found, none invented, all mended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.payments import jobs as payment_jobs
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import mending
from rtp.reconciliation.comparing import Comparison
from rtp.reconciliation.schemas import Look
from rtp.refunds import jobs as refund_jobs
from rtp.testing import reconciling
from rtp.testing.reconciling import Garden, Planted


async def test_twelve_planted_differences_are_found_and_gone_after_they_were_mended(local: Any, frames: Frames) -> None:
    await asyncio.sleep(1.1)  # localstripe counts seconds: what others made before this one is not ours
    begun = datetime.now(UTC).replace(microsecond=0)
    frames.clock = FixedClock(datetime.now(UTC))
    frames.premises = replace(frames.premises, provider="stripe")
    about: dict[str, Any] = {"operation": "tests.look", "principal": LOCAL_OWNER, "trace": trace.start()}
    async with local.provider() as provider:
        jobs = (*payment_jobs.JOBS, *refund_jobs.JOBS)
        garden = Garden(frames, provider, jobs, card=partial(local.card, local.pays))
        for _ in range(3):
            await garden.paid()
        planted = await reconciling.plant(garden)

        def comparison() -> Comparison:
            now = datetime.now(UTC) + timedelta(hours=1)
            return Comparison(provider, provider.name, partial(frames.reading, **about), since=begun, now=now)

        look = await comparison().look()
        assert len(planted) == 12
        assert found(look) == planted
        done = [await mending.mend(comparison(), garden.writing, one) for one in look.differences]
        assert {one.outcome for one in done} == {"mended", "set_aside"}
        assert found(await comparison().look()) == set()
        await garden.work()
        assert found(await comparison().look()) == set()


def found(look: Look) -> set[Planted]:
    return {(one.noun, one.kind, one.fix, one.name) for one in look.differences}
