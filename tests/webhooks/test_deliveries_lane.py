"""The worker's lanes on a real queue: receivers that never answer hold up no refund, nor a provider anything else."""

from __future__ import annotations

import asyncio

import msgspec

from rtp.db.frames import Frames
from rtp.jobs.spec import Context, JobSpec
from rtp.settings import Settings
from rtp.testing.plugin import OpenFrame
from rtp.webhooks.deliveries import QUEUE, SEND
from rtp_server import work
from rtp_server.worker import WEBHOOKS_AT_ONCE, build_app, lanes


async def test_receivers_that_never_answer_take_no_place_from_other_jobs(
    settings: Settings, frames: Frames, writing: OpenFrame
) -> None:
    under_way, refunded = asyncio.Semaphore(0), asyncio.Event()

    async def send(context: Context) -> None:
        under_way.release()
        await asyncio.Event().wait()

    async def refund(context: Context) -> None:
        refunded.set()

    specs = [JobSpec(SEND, send, queue=QUEUE), JobSpec("tests.refund", refund, queue="provider")]
    settings = msgspec.structs.replace(settings, worker_concurrency=1)
    async with writing() as frame:
        for _ in range(WEBHOOKS_AT_ONCE * 2):
            frame.enqueue(SEND, queue=QUEUE)
    async with build_app(settings, frames, {}, specs).open_async() as app:
        workers = [asyncio.create_task(one) for one in lanes(app, settings, specs)]
        for _ in range(WEBHOOKS_AT_ONCE):
            await under_way.acquire()
        async with writing() as frame:
            frame.enqueue("tests.refund", queue="provider")
        await refunded.wait()
        assert under_way.locked()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def test_a_provider_that_never_answers_takes_no_place_from_other_jobs(
    settings: Settings, frames: Frames, writing: OpenFrame
) -> None:
    under_way, looked = asyncio.Semaphore(0), asyncio.Event()

    async def refund(context: Context) -> None:
        under_way.release()
        await asyncio.Event().wait()

    async def look(context: Context) -> None:
        looked.set()

    specs = [JobSpec("tests.refund", refund, queue="provider"), JobSpec("tests.look", look, queue="webhooks")]
    settings = msgspec.structs.replace(settings, worker_concurrency=2)
    async with writing() as frame:
        for _ in range(4):
            frame.enqueue("tests.refund", queue="provider")
        frame.enqueue("tests.look", queue="webhooks")
    async with build_app(settings, frames, {}, specs).open_async() as app:
        workers = [asyncio.create_task(one) for one in lanes(app, settings, specs)]
        for _ in range(2):
            await under_way.acquire()
        async with asyncio.timeout(20):
            await looked.wait()
        assert under_way.locked()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def test_deliveries_alone_are_in_their_lane() -> None:
    assert [spec.name for spec in work.JOBS if spec.queue == QUEUE] == [SEND]
