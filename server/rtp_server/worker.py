"""The worker process: runs jobs, relays events, and rescues what dead workers held."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import procrastinate
import structlog
from procrastinate import JobContext, RetryDecision
from procrastinate.jobs import Job as QueuedJob
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from rtp.db.frames import Frames
from rtp.events.relay import Consumer
from rtp.jobs import service as jobs
from rtp.jobs.jobs import HEARTBEAT_SECONDS, STALLED_SECONDS
from rtp.jobs.policy import Backoff, spread
from rtp.jobs.spec import Context, JobSpec
from rtp.kit import trace as traces
from rtp.kit.breaker import Rules
from rtp.migrations import schema
from rtp.payments import provider as providers
from rtp.payments import service as payments
from rtp.payments.guarded import GuardedProvider
from rtp.runtime.instance import Instance
from rtp.settings import Settings
from rtp.webhooks import deliveries
from rtp.webhooks.sending import Sender
from rtp_server import breaking, plugging, relaying, work
from rtp_server import state as states
from rtp_server.app import arm_failpoint
from rtp_server.asking import process
from rtp_server.edge.logs import configure
from rtp_server.queue import Connector

log = structlog.get_logger("rtp.worker")
GRACE_SECONDS = 3.0
WEBHOOKS_AT_ONCE = 16
"""Webhooks that one worker has on their way together, besides its own jobs."""
SHORTEST_WAIT = 1.0
"""Seconds that a job waits at least which was not let through to its peer."""


def spends_attempt(error: BaseException) -> bool:
    """Whether a failed run counts among the attempts of its job; not when its peer was not even asked."""
    return getattr(error, "spends_attempt", True)


class Retry(procrastinate.BaseRetryStrategy):
    """Backoff with jitter; an error that cannot pass by itself goes to the dead letters at once."""

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self.random = random.SystemRandom()

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        """When to try again, or None to give up; what a breaker held back is tried again however often."""
        retry_after = getattr(exception, "retry_after", None) or 0.0
        if not spends_attempt(exception):
            wait = spread(max(SHORTEST_WAIT, retry_after), self.random)
        elif job.attempts >= self.backoff.retries or getattr(exception, "final", False):
            return None
        else:
            wait = self.backoff.wait(job.attempts + 1, self.random, at_least=retry_after)
        return RetryDecision(retry_in={"microseconds": int(wait * 1_000_000)})


def build_app(
    settings: Settings, frames: Frames, services: dict[str, Any], specs: Sequence[JobSpec]
) -> procrastinate.App:
    """A procrastinate application with every kind of job, whose workers are noted as those of the instance."""
    connector = Connector(
        conninfo=conninfo_of(settings.database_url), min_size=1, max_size=8, instance=Instance(settings)
    )
    app = procrastinate.App(connector=connector)
    for spec in specs:
        task = app.task(name=spec.name, queue=spec.queue, retry=Retry(spec.backoff), pass_context=True)(
            runner(spec, settings, frames, services)
        )
        if spec.cron:
            app.periodic(cron=spec.cron, queueing_lock=spec.name)(task)
    return app


def runner(
    spec: JobSpec, settings: Settings, frames: Frames, services: dict[str, Any]
) -> Callable[..., Awaitable[None]]:
    """The function that procrastinate calls for one kind of job."""

    async def run(job: JobContext, *_: Any, **args: Any) -> None:
        cause = args.pop("_trace", {})
        args.pop("timestamp", None)
        trace = traces.start(cause.get("traceparent", ""), cause.get("request_id", ""))
        traces.current.set(trace)
        context = Context(
            frames=frames,
            settings=settings,
            trace=trace,
            name=spec.name,
            attempt=job.job.attempts + 1,
            services=services,
        )
        traces.current.set(trace)
        begun = asyncio.get_running_loop().time()
        try:
            await spec.run(context, **args)
        except Exception as error:
            log.warning(
                "job failed", job=spec.name, attempt=context.attempt, error=repr(error), trace_id=trace.trace_id
            )
            if not spends_attempt(error) and job.job.id is not None:
                async with context.writing() as frame:
                    await jobs.give_attempt_back(frame, job.job.id)
            raise
        spent = round((asyncio.get_running_loop().time() - begun) * 1000, 1)
        log.info("job done", job=spec.name, attempt=context.attempt, ms=spent, trace_id=trace.trace_id)

    return run


def conninfo_of(url: str) -> str:
    """A SQLAlchemy-style URL as libpq's key=value form."""
    parsed = make_url(url)
    text = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return make_conninfo(text)


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; running jobs get a moment to finish, then are left to the rescue."""
    configure(settings.log_level, "worker")
    arm_failpoint(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    state = states.build(settings, states.signing_key(settings))
    plugging.attach(state, os.environ)
    try:
        if await schema_ready(state, stop):
            await work_until(stop, settings, state)
    finally:
        await state.close()


async def work_until(stop: asyncio.Event, settings: Settings, state: states.State) -> None:
    """Jobs, relay and the watch over breakers side by side until told to stop.

    If one of them fails, the process ends and is started anew.
    """
    provider = GuardedProvider(
        providers.connect(settings, state.additions.providers),
        Rules(timeout=settings.provider_timeout, capacity=settings.worker_concurrency),
    )
    services = {**state.services(), "provider": provider, "webhooks": Sender()}
    specs = [*work.JOBS, *state.additions.jobs]
    app = build_app(settings, state.frames, services, specs)
    consumers: tuple[Consumer, ...] = (*work.consumers(services), *state.additions.consumers)
    async with app.open_async():
        workers = [asyncio.create_task(working) for working in lanes(app, settings, specs)]
        holder = process()
        relay = asyncio.create_task(relaying.run(state.frames, consumers, holder, stop))
        watch = asyncio.create_task(breaking.run(state.frames, [provider.breaker], holder, stop))
        tasks = (*workers, relay, watch)
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        for worker in workers:
            worker.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for task, result in zip(tasks, results, strict=True):
            if task in done and isinstance(result, Exception):
                raise result
    await provider.close()


def lanes(app: procrastinate.App, settings: Settings, specs: Sequence[JobSpec]) -> list[Coroutine[Any, Any, None]]:
    """A worker each for webhooks, for the provider and for all else: who is slow holds up none of the others."""
    ours = sorted({spec.queue for spec in specs} - {deliveries.QUEUE, payments.QUEUE})
    at_once = {deliveries.QUEUE: WEBHOOKS_AT_ONCE, payments.QUEUE: settings.worker_concurrency}
    return [
        app.run_worker_async(
            queues=queues,
            concurrency=concurrency,
            install_signal_handlers=False,
            fetch_job_polling_interval=1.0,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
            shutdown_graceful_timeout=GRACE_SECONDS,
        )
        for queues, concurrency in (
            (ours, settings.worker_concurrency),
            *(([queue], places) for queue, places in at_once.items()),
        )
    ]


async def schema_ready(state: states.State, stop: asyncio.Event) -> bool:
    """Wait until the schema is the one this version knows; False when told to stop before."""
    while not stop.is_set():
        async with state.database.reading() as connection:
            if (await schema.state(connection)).state == "current":
                return True
        try:
            await asyncio.wait_for(stop.wait(), timeout=1.0)
        except TimeoutError:
            continue
    return False
