"""A refund that failed after it had succeeded, told by webhook to a worker that is killed under way: booked once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.payments import jobs as payment_jobs
from rtp.payments.http_provider import HttpProvider
from rtp.payments.ports import ProviderRefund
from rtp.permissions import LOCAL_OWNER
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import service as refunds
from rtp.refunds.schemas import IssueRefund, Refund
from rtp.sandbox.schemas import Control
from rtp.testing import money, webhooks
from rtp.testing import relay as testing_relay
from rtp_server import work
from tests.refunds.conftest import provider, sandbox, worker  # noqa: F401 - the sandbox and its workers
from tests.refunds.workers import Workers, comes_to_hold

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS)
LATE = Control(refund_failure="card_account_closed", refund_fails_after_ms=1)
PLACES = {
    "received.before_asking": False,
    "received.after_asking": False,
    "received.before_commit": False,
    "job.after_commit": True,
    "relay.before_delivery": True,
    "relay.after_delivery": True,
    "relay.after_commit": True,
}
"""Every place from the kept event to who is told of the failure, and whether it is booked by then."""
Show = Callable[[str], Any]


async def returned(frames: Frames, provider: HttpProvider) -> tuple[Refund, ProviderRefund]:  # noqa: F811
    """A refund of 25.00 of 100.00 that succeeded here, and has failed there since; all of it is known everywhere."""
    payment = await money.captured_payment(frames, provider, JOBS)
    await provider.steer(LATE)
    about: dict[str, Any] = {"operation": "tests.issue", "principal": LOCAL_OWNER, "trace": trace.start()}
    async with frames.writing(**about) as frame:
        made = await refunds.issue(frame, payment.id, IssueRefund(reason="duplicate", amount=2_500))
    await money.run_jobs(frames, provider, JOBS)
    await provider.steer(Control())
    while await testing_relay.once(frames, work.consumers({})):
        await money.run_jobs(frames, provider, JOBS)
    theirs = await provider.retrieve_refund_by_key(made.id)
    assert theirs is not None
    assert theirs.state == "failed"
    async with frames.reading(**about) as frame:
        ours = await refunds.find(frame, made.id)
    assert ours.state == "succeeded"
    return ours, theirs


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(place, marks=pytest.mark.prove("kills", sample=place == "received.before_commit"))
        for place in PLACES
    ],
)
async def test_a_late_failure_is_booked_once_wherever_the_worker_that_hears_of_it_is_killed(
    api: httpx.AsyncClient,
    frames: Frames,
    provider: HttpProvider,  # noqa: F811
    worker: Workers,  # noqa: F811
    show: Show,
    place: str,
) -> None:
    refund, theirs = await returned(frames, provider)
    told = webhooks.event(theirs)
    assert (await webhooks.post(api, told)).status_code == 200

    for one in ("job.after_commit", place) if place.startswith("relay.") else (place,):  # booked first, then told of
        assert await asyncio.to_thread(worker.start(one).wait) == -signal.SIGKILL
    assert (await show(f"refunds/{refund.id}"))["state"] == ("failed" if PLACES[place] else "succeeded")
    freed = (await show(f"payments/{refund.payment_id}"))["refundable"]["amount"]
    assert freed == (10_000 if PLACES[place] else 7_500)
    assert (await show("ledger/check"))["state"] == "held"

    worker.start()
    await comes_to_hold("no event is left", lambda: _processed(show, told.id))
    now = await show(f"refunds/{refund.id}")
    assert (now["state"], now["failure_reason"]) == ("failed", "card_account_closed")
    assert len((await show(f"events?aggregate={refund.id}&type=refund.failed"))["items"]) == 1
    assert await _mirrors(frames) == 1

    again = await api.post(f"/v1/refunds/{refund.id}/retry", headers={"Idempotency-Key": "anew"})
    assert again.status_code == 200, again.text
    await comes_to_hold("it is paid anew", lambda: _succeeded(show, again.json()["id"]))
    assert (await show(f"payments/{refund.payment_id}"))["refundable"]["amount"] == 7_500
    made = await provider.list_refunds(refund.created_at.replace(year=2000))
    assert {one.key: one.state for one in made} == {refund.id: "failed", again.json()["id"]: "succeeded"}
    assert (await show("ledger/check"))["state"] == "held"
    report = await show("doctor/money")
    assert [check for check in report["checks"] if check["state"] == "failed"] == []


async def _processed(show: Show, event: str) -> bool:
    kept = await show(f"webhooks/received/{event}")
    return (kept["state"], kept["outcome"]) == ("processed", "refund failed after it had succeeded")


async def _succeeded(show: Show, refund: str) -> bool:
    return bool((await show(f"refunds/{refund}"))["state"] == "succeeded")


async def _mirrors(frames: Frames) -> int:
    query = text("SELECT count(DISTINCT transaction_id) AS times FROM ledger WHERE kind = 'refund.released'")
    async with frames.reading(operation="tests.read", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        row = await frame.first(query)
    return int(row.times) if row else 0
