"""Jobs that an open breaker holds back: they wait without spending attempts, and have their effect once."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest
from procrastinate.jobs import Job as QueuedJob
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.errors import Unavailable
from rtp.jobs.spec import Backoff, Context, JobSpec
from rtp.kit import trace
from rtp.kit.breaker import Rules
from rtp.kit.money import Money
from rtp.payments import jobs as payment_jobs
from rtp.payments.errors import ProviderBusy, ProviderResting, ProviderUnavailable
from rtp.payments.fakes import FakeProvider
from rtp.payments.guarded import GuardedProvider
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import service as refunds
from rtp.refunds.schemas import IssueRefund
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing import money
from rtp.testing.plugin import OpenFrame
from rtp.testing.servers import Cloned
from rtp_server.worker import Retry, build_app

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS)
RESTING = ProviderResting(provider="fake", breaker="provider:fake", retry_after=20.0)
THREE = Backoff(kind="fixed", delay=60.0, retries=3)


class Outage:
    """A provider behind a breaker whose clock stands still, and the jobs that ask it."""

    def __init__(self, frames: Frames) -> None:
        self.seconds = 0.0
        self.fake = FakeProvider()
        self.provider = GuardedProvider(self.fake, Rules(), monotonic=lambda: self.seconds)
        self.context = Context(
            frames=frames, settings=Settings(), trace=trace.start(), name="tests", services={"provider": self.provider}
        )

    async def refused(self, refund: str) -> ProviderUnavailable:
        """What a refund's job ends with."""
        with pytest.raises(ProviderUnavailable) as error:
            await refund_jobs.submit(self.context, refund)
        return error.value


def queued(attempts: int) -> QueuedJob:
    return QueuedJob(
        id=1, queue="provider", lock=None, queueing_lock=None, task_name="refunds.submit", attempts=attempts
    )


def seconds_until(decision: Any) -> float:
    return float((decision.retry_at - decision.retry_at.now(decision.retry_at.tzinfo)).total_seconds())


@pytest.mark.parametrize("attempts", [0, 3, 500])
def test_a_job_that_was_held_back_waits_until_the_breaker_lets_a_call_through(attempts: int) -> None:
    decision = Retry(THREE).get_retry_decision(exception=RESTING, job=queued(attempts))
    assert decision is not None
    assert 19.0 < seconds_until(decision) <= 30.0


def test_a_job_that_found_all_places_taken_comes_back_a_moment_later() -> None:
    decision = Retry(THREE).get_retry_decision(exception=ProviderBusy(provider="fake"), job=queued(9))
    assert decision is not None
    assert 0.0 < seconds_until(decision) <= 1.5


def test_a_job_whose_provider_really_was_away_gives_up_after_its_last_retry() -> None:
    away = ProviderUnavailable(why="it is down")
    assert Retry(THREE).get_retry_decision(exception=away, job=queued(2)) is not None
    assert Retry(THREE).get_retry_decision(exception=away, job=queued(3)) is None
    assert Retry(THREE).get_retry_decision(exception=Unavailable(what="The database"), job=queued(3)) is None


def test_the_wait_that_the_provider_asks_for_is_kept() -> None:
    busy = ProviderUnavailable(why="it answered 429", answered=429, retry_after=60.0)
    decision = Retry(Backoff(delay=0.5)).get_retry_decision(exception=busy, job=queued(0))
    assert decision is not None
    assert 59.0 < seconds_until(decision) <= 90.0


async def test_being_held_back_spends_no_attempt_and_a_failure_does(
    settings: Settings, frames: Frames, writing: OpenFrame
) -> None:
    ends: list[Exception] = [RESTING, RESTING, ProviderUnavailable(why="it is down"), RESTING]

    async def job(context: Context) -> None:
        if ends:
            raise ends.pop(0)

    async def attempts() -> tuple[str, int]:
        async with writing() as frame:
            [row] = await frame.all(
                text("UPDATE procrastinate_jobs SET scheduled_at = NULL RETURNING status, attempts")
            )
        return str(row.status), int(row.attempts)

    async with writing() as frame:
        frame.enqueue("tests.job")
    seen = []
    app = build_app(settings, frames, {}, [JobSpec("tests.job", job, backoff=THREE)])
    async with app.open_async():
        for _ in range(5):
            await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
            seen.append(await attempts())
    assert seen == [("todo", 0), ("todo", 0), ("todo", 1), ("todo", 1), ("succeeded", 2)]


async def test_refunds_of_an_outage_wait_and_each_settles_once_when_the_provider_is_back(
    frames: Frames, writing: OpenFrame
) -> None:
    outage = Outage(frames)
    payment = await money.captured_payment(frames, outage.provider, JOBS)
    async with writing() as frame:
        refunds = [await issued(frame, payment.id, number) for number in range(1, 6)]
    await outage.fake.steer(Control(down=True))
    refused = [type(await outage.refused(refund)) for refund in [*refunds, *refunds]]
    assert refused.count(ProviderUnavailable) < 5 < refused.count(ProviderResting)
    await outage.fake.steer(Control())
    outage.seconds = 30.0
    for refund in [*refunds, *refunds]:
        await refund_jobs.submit(outage.context, refund)
    made = await outage.fake.list_refunds(payment.created_at)
    assert sorted((one.key, one.amount.amount) for one in made) == sorted(
        (refund, 100 * number) for number, refund in enumerate(refunds, 1)
    )


async def test_a_job_alone_in_an_outage_spends_one_attempt_however_long_it_lasts(
    frames: Frames, writing: OpenFrame
) -> None:
    outage = Outage(frames)
    payment = await money.captured_payment(frames, outage.provider, JOBS)
    async with writing() as frame:
        refund = await issued(frame, payment.id, 1)
    await outage.fake.steer(Control(down=True))
    spent, asked = [], 0
    for _ in range(100):
        outage.seconds += 31.0
        asked += outage.provider.breaker.state == "half_open"
        error = await outage.refused(refund)
        spent.append(error.spends_attempt)
        wait = Retry(THREE).get_retry_decision(exception=error, job=queued(3 - len(spent) % 2))
        assert wait is not None
    assert (spent, asked) == ([True] + [False] * 99, 99)
    await outage.fake.steer(Control())
    outage.seconds += 31.0
    await refund_jobs.submit(outage.context, refund)
    async with writing() as frame:
        assert (await refunds.find(frame, refund)).state == "succeeded"


async def issued(frame: Any, payment: str, number: int) -> str:
    refund = await refunds.issue(frame, payment, IssueRefund(reason="duplicate", amount=100 * number))
    assert refund.amount == Money(100 * number, "USD")
    return refund.id


REFUSE_AT_COMMIT = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk is on fire'; END $$;
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON refunds DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse();
"""


async def test_13_a_refund_is_answered_as_taken_only_when_its_job_is_committed(
    api: httpx.AsyncClient, frames: Frames, writing: OpenFrame, database: Cloned
) -> None:
    payment = await money.captured_payment(frames, FakeProvider(), JOBS)

    async def issue(amount: int) -> httpx.Response:
        body, key = {"reason": "duplicate", "amount": amount}, {"Idempotency-Key": f"k{amount}"}
        return await api.post(f"/v1/payments/{payment.id}/refunds", json=body, headers=key)

    async def waiting() -> list[str]:
        query = text("SELECT args->>'refund' AS refund FROM procrastinate_jobs WHERE task_name = 'refunds.submit'")
        async with writing() as frame:
            return [str(row.refund) for row in await frame.all(query)]

    taken = await issue(100)
    assert (taken.status_code, taken.json()["state"]) == (201, "created")
    assert await waiting() == [taken.json()["id"]]
    async with await psycopg.AsyncConnection.connect(database.owner_url) as connection:
        await connection.execute(REFUSE_AT_COMMIT)
    assert (await issue(200)).status_code == 500
    assert await waiting() == [taken.json()["id"]]
