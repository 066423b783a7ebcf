"""The answer to a dispute whose worker is killed under way: told once, and taken in."""

from __future__ import annotations

import asyncio
import signal

import msgspec
import pytest

from rtp.payments.http_provider import HttpProvider
from rtp.payments.sandbox_entries import DisputeMoved
from rtp.sandbox.schemas import Control
from rtp.testing import webhooks
from rtp.testing.provider import Sandbox
from tests.disputes.objections import Objections
from tests.refunds.conftest import provider, sandbox, worker  # noqa: F401 - the sandbox and its workers
from tests.refunds.workers import Workers, comes_to_hold

PLACES = ("job.before_provider", "job.after_provider", "job.after_commit")
"""Every place from the kept answer to the provider's word in our books."""


@pytest.fixture
async def at_sandbox(desk: Objections, provider: HttpProvider) -> Objections:  # noqa: F811
    """The desk whose provider is a process of its own, as a worker's is; nothing but the test sends its webhooks."""
    desk.provider = provider  # type: ignore[assignment]
    await provider.steer(Control(dispute_outcome="open"))
    return desk


def told(sandbox: Sandbox) -> list[tuple[str, str]]:  # noqa: F811
    """What the provider was told about disputes: the kind of answer, and its key."""
    lines = sandbox.journal.read_bytes().splitlines()
    moves = [line for line in lines if msgspec.json.decode(line).get("type") == "dispute_moved"]
    return [(one.action, one.key) for one in (msgspec.json.decode(line, type=DisputeMoved) for line in moves)]


@pytest.mark.parametrize("answer", ["evidence", "accept"])
@pytest.mark.parametrize("failpoint", PLACES)
@pytest.mark.prove("kills")
async def test_a_kill_around_a_disputes_answer_tells_it_once_and_takes_it_in(
    at_sandbox: Objections,
    provider: HttpProvider,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
    worker: Workers,  # noqa: F811
    failpoint: str,
    answer: str,
) -> None:
    desk = at_sandbox
    payment = await desk.pay((1000, 250))
    opened = await provider.open_dispute("object", payment.id, "fraudulent")
    assert opened is not None
    await desk.post(webhooks.event(opened, type="dispute.opened"))
    await desk.work()
    [dispute] = (await desk.read("disputes"))["items"]
    key = dispute["id"]
    queued = await desk.do(f"disputes/{key}/{answer}", {"parts": {}} if answer == "evidence" else None)
    assert queued.json()["answer_state"] == "queued", queued.text

    assert await asyncio.to_thread(worker.start(failpoint).wait) == -signal.SIGKILL
    assert len(told(sandbox)) == (0 if failpoint == "job.before_provider" else 1)
    left = "sent" if failpoint == "job.after_commit" else "queued"
    assert (await desk.read(f"disputes/{key}"))["answer_state"] == left

    worker.start()
    await comes_to_hold("no job is left", lambda: _idle(desk))
    shown = await desk.read(f"disputes/{key}")
    wanted = "lost" if answer == "accept" else "under_review"
    assert (shown["answer_state"], shown["state"]) == ("sent", wanted)
    assert told(sandbox) == [(answer, f"{key}:1")]
    [theirs] = await provider.list_disputes(opened.created_at)
    assert (theirs.state, theirs.amount.amount) == (wanted, 1250)
    after = await desk.payment(payment)
    assert (after["refundable"]["amount"], after["disputed"]) == ((0, False) if answer == "accept" else (1250, True))
    balances = await desk.balances()
    held = (balances.get("dispute losses", 0), balances.get("disputes", 0))
    assert held == ((1000, 0) if answer == "accept" else (0, 1250))
    await desk.books_hold()
    report = await desk.read("doctor/money")
    assert [check for check in report["checks"] if check["state"] == "failed"] == []


async def _idle(desk: Objections) -> bool:
    """Whether no answer is left to be sent: a job whose worker died is still being done."""
    rows = await desk.sql(
        "SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE 'disputes.%' AND status IN ('todo', 'doing')"
    )
    return bool(rows[0][0] == 0)
