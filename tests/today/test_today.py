"""The morning page counts what is there."""

from __future__ import annotations

from datetime import timedelta

import httpx
import psycopg

from rtp.db.frames import Frames
from rtp.invariants import jobs as invariant_jobs
from rtp.invariants import service as invariants
from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.payments import jobs as payment_jobs
from rtp.payments.fakes import FakeProvider
from rtp.permissions import WORKER
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import settling
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing import money
from rtp.testing.plugin import OpenFrame
from rtp.testing.servers import Cloned
from rtp.today import service
from rtp.today.schemas import Today

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS)


async def test_money_is_counted_by_the_day_and_compared_with_the_week_before(
    frames: Frames, clock: FixedClock, api: httpx.AsyncClient
) -> None:
    provider = FakeProvider()
    now = clock.instant
    clock.instant = now - timedelta(days=7, hours=2)
    await money.captured_payment(frames, provider, JOBS, email="a@example.com", amount=5_000)
    clock.instant = now - timedelta(days=2)
    await money.captured_payment(frames, provider, JOBS, email="b@example.com", amount=7_000)
    clock.instant = now - timedelta(hours=2)
    await money.captured_payment(frames, provider, JOBS, email="c@example.com", amount=10_000)
    await money.captured_payment(frames, provider, JOBS, email="d@example.com", card="declined")
    clock.instant = now
    page = await _page(frames)
    [taken] = page.taken
    assert (taken.payments, taken.revenue.amount) == (1, 10_000)
    assert (taken.payments_week_before, taken.revenue_week_before.amount) == (1, 5_000)
    assert [(row.reason, row.count) for row in page.failed_payments] == [("card_declined", 1)]
    assert page.new_members_today == 2
    assert page.ledger == "held"


async def test_the_ledger_is_what_the_worker_just_found_and_is_looked_at_only_when_it_did_not_look(
    frames: Frames, clock: FixedClock, database: Cloned
) -> None:
    context = Context(frames, Settings(), trace.start(), "invariants.check", services={"provider": FakeProvider(clock)})
    first = await _page(frames)
    assert (first.ledger, first.ledger_at) == ("held", clock.instant)
    await invariant_jobs.check(context)
    looked = clock.instant
    unbalance(database)
    clock.instant += timedelta(minutes=4)
    soon = await _page(frames)
    assert (soon.ledger, soon.ledger_at) == ("held", looked)
    await invariant_jobs.check(context)
    found = await _page(frames)
    assert (found.ledger, found.ledger_at) == ("broken", clock.instant)
    assert ("the ledger does not hold", 1, "rtp ledger check") in [
        (one.what, one.count, one.command) for one in found.attention
    ]


async def test_a_worker_that_has_not_looked_for_long_does_not_keep_a_broken_ledger_from_the_page(
    frames: Frames, clock: FixedClock, database: Cloned
) -> None:
    context = Context(frames, Settings(), trace.start(), "invariants.check", services={"provider": FakeProvider(clock)})
    await invariant_jobs.check(context)
    unbalance(database)
    clock.instant += invariants.LATEST + timedelta(seconds=1)
    page = await _page(frames)
    assert (page.ledger, page.ledger_at) == ("broken", clock.instant)


def unbalance(database: Cloned) -> None:
    """Add one side of a transaction, as only the owner can."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE ledger DISABLE TRIGGER ledger_balanced")
        connection.execute(
            "INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at) "
            "VALUES (uuidv7(), uuidv7(), 'payment', uuidv7(), 'sales', -1, 'USD', 1, now())"
        )


async def test_a_dead_job_needs_a_person(frames: Frames, writing: OpenFrame) -> None:
    from sqlalchemy import text

    async with writing() as frame:
        frame.enqueue("tests.job")
    async with writing() as frame:
        await frame.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
    page = await _page(frames)
    assert [(item.what, item.count) for item in page.attention] == [("jobs that gave up", 1)]


async def test_a_refund_that_failed_after_it_had_succeeded_is_told_as_that(
    frames: Frames, clock: FixedClock, api: httpx.AsyncClient
) -> None:
    provider = FakeProvider(clock)
    payment = await money.captured_payment(frames, provider, JOBS)
    await provider.steer(Control(refund_failure="card_account_closed", refund_fails_after_ms=60_000))
    body = {"amount": 1_000, "reason": "duplicate"}
    issued = await api.post(f"/v1/payments/{payment.id}/refunds", json=body, headers={"Idempotency-Key": "one"})
    await money.run_jobs(frames, provider, JOBS)
    assert (await _page(frames)).attention == []
    clock.instant += timedelta(hours=1)
    asked = await provider.retrieve_refund_by_key(issued.json()["id"])
    assert asked is not None
    async with frames.writing(operation="tests.tell", principal=WORKER, trace=trace.start()) as frame:
        await settling.come_back(frame, asked.key, asked)
    [row] = (await _page(frames)).attention
    assert (row.what, row.count) == ("refunds that failed after they had succeeded", 1)
    assert row.command == "rtp refunds list --state failed"


async def test_a_refund_that_failed_needs_a_person_until_it_was_issued_anew(
    frames: Frames, clock: FixedClock, api: httpx.AsyncClient
) -> None:
    provider = FakeProvider(clock)
    payment = await money.captured_payment(frames, provider, JOBS)
    await provider.steer(Control(refund_failure="card_account_closed"))
    body = {"amount": 1_000, "reason": "duplicate"}
    issued = await api.post(f"/v1/payments/{payment.id}/refunds", json=body, headers={"Idempotency-Key": "one"})
    await money.run_jobs(frames, provider, JOBS)
    [row] = (await _page(frames)).attention
    assert (row.what, row.count, row.command) == ("refunds that failed", 1, "rtp refunds list --state failed")
    clock.instant += timedelta(days=29)
    assert [row.count for row in (await _page(frames)).attention] == [1]
    for attempt, failing, counts in (("two", "card_account_closed", [1]), ("three", "", [])):
        await provider.steer(Control(refund_failure=failing))
        again = await api.post(f"/v1/refunds/{issued.json()['id']}/retry", headers={"Idempotency-Key": attempt})
        assert again.status_code == 200, again.text
        await money.run_jobs(frames, provider, JOBS)
        assert [row.count for row in (await _page(frames)).attention] == counts


async def test_the_page_is_served_and_times_its_dependencies(api: httpx.AsyncClient) -> None:
    page = (await api.get("/v1/today")).json()
    assert [item["name"] for item in page["dependencies"]] == ["database", "cache"]
    assert all(item["latency_ms"] > 0 for item in page["dependencies"] if item["state"] == "ok")
    assert page["attention"] == []


async def _page(frames: Frames) -> Today:
    from rtp.permissions import LOCAL_OWNER

    async with frames.reading(operation="today.show", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        return await service.show(frame)
