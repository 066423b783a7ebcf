"""Refunds that failed after they had succeeded, mended by a plan whose server is killed under way: booked once each."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from rtp.payments.http_provider import HttpProvider
from rtp.payments.schemas import Payment
from rtp.refunds import settling
from rtp.refunds.schemas import Refund
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing.reconciling import Garden
from tests.reconciliation.test_routes import garden, run, sandbox, settings

__all__ = ["garden", "sandbox", "settings"]
ROOT = Path(__file__).parents[2]
LATE = Control(refund_failure="card_account_closed", refund_fails_after_ms=1)
PLACES = {"mend.before_commit": 1, "mend.after_commit": 2}
"""Where the server dies at the second of three differences, and how many are booked by then."""

MIRRORED = text(
    "SELECT count(DISTINCT transaction_id) AS times FROM ledger WHERE kind = 'refund.released' GROUP BY source"
)


async def came_back(garden: Garden, count: int) -> list[tuple[Payment, Refund]]:
    """Refunds that succeeded here, and have failed there since; no webhook told of it."""
    provider, made = garden.provider, []
    assert isinstance(provider, HttpProvider)
    await provider.steer(LATE)
    for _ in range(count):
        payment, refund = await garden.returning()
        given = await garden.give_back(payment, refund)
        assert given.state == "succeeded"
        async with garden.writing() as frame:
            made.append((payment, await settling.settle(frame, refund.id, given)))
    await provider.steer(Control())
    return made


def killed(settings: Settings, plan: str, instant: str, failpoint: str) -> int:
    """Carry a plan out in a process that dies under way; how it ended."""
    env = os.environ | {
        "RTP_HOME": settings.home,
        "RTP_DATABASE_URL": settings.database_url,
        "RTP_REDIS_URL": settings.redis_url,
        "RTP_PROVIDER_URL": settings.provider_url,
        "RTP_PROVIDER_TOKEN": settings.provider_token,
        "RTP_FAILPOINT": failpoint,
    }
    command = [sys.executable, "-m", "tests.reconciliation.carrying_out", plan, instant]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False).returncode


async def states(api: httpx.AsyncClient, made: list[tuple[Payment, Refund]]) -> list[tuple[str, int]]:
    """The state of each refund, and what is left of its payment."""
    found = []
    for payment, refund in made:
        shown = (await api.get(f"/v1/refunds/{refund.id}")).json()["state"]
        left = (await api.get(f"/v1/payments/{payment.id}")).json()["refundable"]["amount"]
        found.append((shown, left))
    return sorted(found)


@pytest.mark.parametrize(
    "place",
    [pytest.param(place, marks=pytest.mark.prove("kills", sample=place == "mend.before_commit")) for place in PLACES],
)
async def test_late_failures_are_booked_once_each_wherever_the_server_that_mends_them_is_killed(
    api: httpx.AsyncClient,
    app: Any,
    garden: Garden,
    settings: Settings,
    place: str,
) -> None:
    made = await came_back(garden, 3)
    planned = (await run(api, dry_run="true")).json()
    assert planned["result"]["found"] == 3
    instant = app.state.frames.clock.now().isoformat()

    ended = await asyncio.to_thread(killed, settings, planned["id"], instant, f"{place}:2")
    assert ended == -signal.SIGKILL
    back, left = ("failed", garden.amount), ("succeeded", garden.amount - made[0][1].amount.amount)
    assert await states(api, made) == [back] * PLACES[place] + [left] * (3 - PLACES[place])
    assert (await api.get("/v1/ledger/check")).json()["state"] == "held"

    done = await run(api, plan=planned["id"])
    assert done.status_code == 200, done.text
    outcomes = sorted(one["outcome"] for one in done.json()["differences"])
    assert outcomes == ["gone"] * PLACES[place] + ["mended"] * (3 - PLACES[place])
    assert await states(api, made) == [back] * 3
    async with garden.writing() as frame:
        assert [row.times for row in await frame.all(MIRRORED)] == [1] * 3
    assert (await api.get("/v1/reconcile")).json()["state"] == "equal"
    report = (await api.get("/v1/doctor/money")).json()
    assert [check for check in report["checks"] if check["state"] == "failed"] == []
