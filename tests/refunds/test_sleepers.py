"""A worker that falls asleep over a refund, is taken for dead, and wakes up after another did its work."""

from __future__ import annotations

import signal
import subprocess
from datetime import UTC, datetime

import httpx
import pytest

from rtp.db.frames import Frames
from rtp.payments.http_provider import HttpProvider
from rtp.testing import money
from rtp.testing.servers import Cloned
from tests.refunds.bulks import JOBS
from tests.refunds.workers import Workers, asleep, comes_to_hold, release_sleepers

pytestmark = pytest.mark.prove("kills")
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
PLACES = ["before_submit", "before_provider", "after_provider", "before_commit", "after_commit"]


def places() -> list[object]:
    """Where a worker may fall asleep; the dangerous one, money moved and nothing noted, is the share of CI."""
    return [
        pytest.param(f"job.{name}", marks=pytest.mark.prove("kills", sample=name == "after_provider"))
        for name in PLACES
    ]


@pytest.mark.parametrize("place", places())
async def test_a_worker_that_wakes_after_its_job_was_rescued_has_no_second_effect(
    database: Cloned, api: httpx.AsyncClient, frames: Frames, provider: HttpProvider, worker: Workers, place: str
) -> None:
    release_sleepers(database)
    payment = await money.captured_payment(frames, provider, JOBS)
    sleeper = worker.start(f"{place}:1:stop")
    answer = await api.post(
        f"/v1/payments/{payment.id}/refunds",
        json={"amount": 1000, "reason": "duplicate"},
        headers={"Idempotency-Key": "one"},
    )
    assert answer.status_code == 201, answer.text
    refund = answer.json()["id"]

    async def sleeps() -> bool:
        return asleep(sleeper)

    async def done_again() -> bool:
        jobs = (await api.get("/v1/jobs", params={"queue": "provider", "state": "succeeded"})).json()["items"]
        return any(job["name"] == "refunds.submit" for job in jobs)

    await comes_to_hold("the worker sleeps", sleeps)
    other = worker.start()
    await comes_to_hold("another worker does the job", done_again)
    sleeper.send_signal(signal.SIGCONT)
    other.kill()
    await works_on(api, payment.id, sleeper, worker)
    await one_effect(api, provider, refund)


async def works_on(api: httpx.AsyncClient, payment: str, sleeper: subprocess.Popen[bytes], worker: Workers) -> None:
    """Who slept ends what it had in hand, and then does the work that nobody else is there for.

    Only where it also slept over the fetching of a job it ends itself, as that job might be lost: another is started.
    """
    body = {"amount": 2000, "reason": "duplicate"}
    answer = await api.post(f"/v1/payments/{payment}/refunds", json=body, headers={"Idempotency-Key": "two"})
    assert answer.status_code == 201, answer.text

    async def settled() -> bool:
        if sleeper.poll() is not None and worker.processes[-1].poll() is not None:
            assert b"fetch_job" in worker.log.read_bytes(), "it ended itself without a reason"
            worker.start()
        return bool((await api.get(f"/v1/refunds/{answer.json()['id']}")).json()["state"] == "succeeded")

    await comes_to_hold("who woke up works on", settled)


async def one_effect(api: httpx.AsyncClient, provider: HttpProvider, refund: str) -> None:
    """One refund of this key here and there, told once, posted once, and the books hold."""
    ours = (await api.get(f"/v1/refunds/{refund}")).json()
    made = await provider.list_refunds(EPOCH)
    [theirs] = [one for one in made if one.key == refund]
    assert len(made) == len((await api.get("/v1/refunds")).json()["items"]) == 2
    assert (ours["id"], ours["state"], theirs.key, theirs.amount.amount) == (refund, "succeeded", refund, 1000)
    told = (await api.get("/v1/events", params={"aggregate": refund, "limit": 100})).json()["items"]
    assert sorted(event["type"] for event in told) == ["refund.created", "refund.submitted", "refund.succeeded"]
    assert (await api.get("/v1/ledger/check")).json()["state"] == "held"
