"""A real procrastinate worker on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.jobs import jobs as job_jobs
from rtp.jobs import repository
from rtp.jobs import service as jobs
from rtp.jobs.policy import Backoff
from rtp.jobs.spec import Context, JobSpec
from rtp.kit import trace
from rtp.settings import Settings
from rtp.testing.plugin import OpenFrame
from rtp.testing.servers import Cloned
from rtp_server.worker import build_app

SOON = Backoff(kind="fixed", delay=0.01, retries=2)


@asynccontextmanager
async def drained(settings: Settings, frames: Frames, *specs: JobSpec) -> AsyncIterator[Any]:
    app = build_app(settings, frames, {}, specs)
    async with app.open_async():
        yield app


async def drain(app: Any) -> None:
    await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)


async def test_a_job_exists_only_if_its_frame_commits(settings: Settings, frames: Frames, writing: OpenFrame) -> None:
    seen: list[int] = []

    async def job(context: Context, number: int) -> None:
        seen.append(number)

    with pytest.raises(ZeroDivisionError):
        async with writing() as frame:
            frame.enqueue("tests.job", number=1)
            raise ZeroDivisionError
    async with writing() as frame:
        frame.enqueue("tests.job", number=2)
    async with drained(settings, frames, JobSpec("tests.job", job)) as app:
        await drain(app)
    assert seen == [2]


async def test_a_failing_job_is_retried_then_dead_then_retried_by_hand(
    settings: Settings, frames: Frames, writing: OpenFrame, api: httpx.AsyncClient
) -> None:
    attempts: list[int] = []

    async def job(context: Context) -> None:
        attempts.append(context.attempt)
        if len(attempts) < 4:
            raise ConnectionError("the peer is away")

    async with writing() as frame:
        frame.enqueue("tests.job")
    async with drained(settings, frames, JobSpec("tests.job", job, backoff=SOON)) as app:
        for _ in range(3):
            await drain(app)
            await asyncio.sleep(0.02)
        dead = (await api.get("/v1/jobs", params={"state": "dead"})).json()["items"]
        assert [item["name"] for item in dead] == ["tests.job"]
        assert attempts == [1, 2, 3]
        answer = await api.post(f"/v1/jobs/{dead[0]['id']}/retry")
        assert answer.json()["state"] == "waiting", answer.text
        await drain(app)
    shown = (await api.get(f"/v1/jobs/{dead[0]['id']}")).json()
    assert shown["state"] == "succeeded"
    assert (await api.post(f"/v1/jobs/{dead[0]['id']}/retry")).json()["code"] == "job_not_dead"


async def test_a_final_error_is_not_retried(settings: Settings, frames: Frames, writing: OpenFrame) -> None:
    attempts: list[int] = []

    class Declined(Exception):
        final = True

    async def job(context: Context) -> None:
        attempts.append(context.attempt)
        raise Declined

    async with writing() as frame:
        frame.enqueue("tests.job")
    async with drained(settings, frames, JobSpec("tests.job", job, backoff=SOON)) as app:
        await drain(app)
        await asyncio.sleep(0.02)
        await drain(app)
    assert attempts == [1]


async def test_the_jobs_of_a_worker_without_heartbeat_are_put_back(writing: OpenFrame) -> None:
    async with writing() as frame:
        frame.enqueue("tests.job")
    async with writing() as frame:
        await frame.execute(
            text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 min')")
        )
        await frame.execute(
            text(
                "UPDATE procrastinate_jobs SET status = 'doing', "
                "worker_id = (SELECT max(id) FROM procrastinate_workers)"
            )
        )
    async with writing() as frame:
        assert len(await repository.rescue_stalled(frame, 10)) == 1
    async with writing() as frame:
        assert await repository.rescue_stalled(frame, 10) == []


async def test_purge_deletes_only_what_ended_long_enough_ago(
    settings: Settings, frames: Frames, writing: OpenFrame, api: httpx.AsyncClient
) -> None:
    async def job(context: Context) -> None:
        return None

    async with writing() as frame:
        frame.enqueue("tests.job")
        frame.enqueue("tests.job")
    async with drained(settings, frames, JobSpec("tests.job", job)) as app:
        await drain(app)
    assert (await api.post("/v1/jobs/purge", json={"older_than_hours": 1})).json() == {"deleted": 0}
    assert (await api.post("/v1/jobs/purge", json={"older_than_hours": 0})).json() == {"deleted": 2}


async def test_the_sweep_deletes_what_succeeded_in_chunks(
    settings: Settings, frames: Frames, writing: OpenFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def job(context: Context) -> None:
        return None

    async with writing() as frame:
        for _ in range(5):
            frame.enqueue("tests.job")
    async with drained(settings, frames, JobSpec("tests.job", job)) as app:
        await drain(app)
    async with writing() as frame:
        frame.enqueue("tests.job")
        await frame.execute(text("UPDATE procrastinate_events SET at = at - interval '25 hours'"))
    monkeypatch.setattr(job_jobs, "CHUNK", 2)
    await job_jobs.sweep(Context(frames, settings, trace.start(), "jobs.sweep"))
    async with writing() as frame:
        left = await frame.all(text("SELECT status::text AS status FROM procrastinate_jobs"))
        told = await frame.all(text("SELECT changes -> 'summary' ->> 'deleted' AS n FROM audit ORDER BY id"))
    assert [row.status for row in left] == ["todo"]
    assert [row.n for row in told if row.n] == ["2", "2", "1"]


async def test_only_jobs_of_the_kind_that_is_queued_anew_are_withdrawn_and_none_that_runs(writing: OpenFrame) -> None:
    async with writing() as frame:
        for name, lock in (
            ("tests.job", "pay_1"),
            ("tests.job", "pay_1"),
            ("tests.other", "pay_1"),
            ("tests.job", "pay_2"),
        ):
            frame.enqueue(name, lock=lock)
    async with writing() as frame:
        await frame.execute(text("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 1"))
        await jobs.withdraw(frame, "pay_1", "tests.job")
        left = await frame.all(text("SELECT task_name, lock FROM procrastinate_jobs ORDER BY id"))
    assert [tuple(row) for row in left] == [("tests.job", "pay_1"), ("tests.other", "pay_1"), ("tests.job", "pay_2")]


async def told_of_the_worker(api: httpx.AsyncClient) -> tuple[str, str, int]:
    checks = (await api.get("/v1/doctor")).json()["checks"]
    found = next(check for check in checks if check["name"] == "worker")
    return found["state"], found["detail"], (await api.get("/health/worker")).status_code


async def heard(api: httpx.AsyncClient, working: asyncio.Task[None]) -> None:
    async with asyncio.timeout(60):
        while (await told_of_the_worker(api))[2] == 503:
            assert not working.done(), working.exception()
            await asyncio.sleep(0.01)


async def test_doctor_tells_of_a_worker_that_gives_no_sign_of_life_whoever_else_works_on_the_same_database(
    settings: Settings, frames: Frames, api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    nobody, others = "none of this instance is registered", "another instance's works on the same database"
    assert await told_of_the_worker(api) == ("failed", nobody, 503)
    async with drained(settings, frames) as app:
        working = asyncio.create_task(
            app.run_worker_async(install_signal_handlers=False, update_heartbeat_interval=3600)
        )
        await heard(api, working)
        assert (await told_of_the_worker(api))[0] == "ok"
        async with writing() as frame:
            await frame.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"))
        state, detail, status = await told_of_the_worker(api)
        assert (state, detail.startswith("its last sign of life is"), status) == ("failed", True, 503)
        async with writing() as frame:
            await frame.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
        state, detail, status = await told_of_the_worker(api)
        assert (state, detail.partition("; ")[2], status) == ("failed", others, 503)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert await told_of_the_worker(api) == ("failed", f"{nobody}; {others}", 503)


async def test_a_worker_that_cannot_leave_word_of_itself_works_all_the_same(
    settings: Settings, frames: Frames, writing: OpenFrame
) -> None:
    settings = msgspec.structs.replace(settings, home="/dev/null/instance")
    seen: list[int] = []

    async def job(context: Context) -> None:
        seen.append(1)

    async with writing() as frame:
        frame.enqueue("tests.job")
    async with drained(settings, frames, JobSpec("tests.job", job)) as app:
        await drain(app)
    assert seen == [1]


async def test_a_worker_that_was_taken_for_dead_is_heard_again_though_it_has_nothing_to_do(
    settings: Settings, frames: Frames, api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    async with drained(settings, frames) as app:
        working = asyncio.create_task(
            app.run_worker_async(install_signal_handlers=False, update_heartbeat_interval=0.05)
        )
        for _ in range(2):
            await heard(api, working)
            async with writing() as frame:
                await frame.execute(text("DELETE FROM procrastinate_workers"))
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def end_the_acknowledgement(database: Cloned, locked: asyncio.Event) -> None:
    """Hold the job's row until somebody waits for it, who is then cut off as by a crash of the database."""
    async with await psycopg.AsyncConnection.connect(database.owner_url) as connection:
        await connection.execute("SELECT 1 FROM procrastinate_jobs WHERE task_name = 'tests.job' FOR UPDATE")
        locked.set()
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        waiting = " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        found: list[Any] = []
        while not found:
            await asyncio.sleep(0.02)
            found = await (await connection.execute(cut + waiting)).fetchall()


async def test_a_job_whose_acknowledgement_is_cut_off_is_not_left_running(
    settings: Settings, frames: Frames, writing: OpenFrame, database: Cloned
) -> None:
    cutting: list[asyncio.Task[None]] = []

    async def job(context: Context) -> None:
        locked = asyncio.Event()
        cutting.append(asyncio.create_task(end_the_acknowledgement(database, locked)))
        await locked.wait()

    async with writing() as frame:
        frame.enqueue("tests.job")
    async with drained(settings, frames, JobSpec("tests.job", job)) as app:
        await drain(app)
        await asyncio.gather(*cutting)
    async with await psycopg.AsyncConnection.connect(database.owner_url) as connection:
        found = await connection.execute("SELECT status::text FROM procrastinate_jobs WHERE task_name = 'tests.job'")
        assert await found.fetchall() == [("succeeded",)]


async def test_a_worker_that_was_taken_for_dead_while_it_slept_goes_on_working(
    settings: Settings, frames: Frames, writing: OpenFrame, api: httpx.AsyncClient
) -> None:
    """Whoever starts after it forgets the ones that are silent, so that none of their jobs is lost."""
    seen: list[int] = []

    async def job(context: Context, number: int) -> None:
        seen.append(number)

    async def told(number: int) -> None:
        async with writing() as frame:
            frame.enqueue("tests.job", number=number)
        while number not in seen:
            assert not working.done(), working.exception()
            await asyncio.sleep(0.01)

    async with drained(settings, frames, JobSpec("tests.job", job)) as app:
        working = asyncio.create_task(
            app.run_worker_async(install_signal_handlers=False, fetch_job_polling_interval=0.05)
        )
        await told(1)
        async with writing() as frame:
            await frame.execute(text("DELETE FROM procrastinate_workers"))
        await told(2)
        await told(3)
        async with writing() as frame:
            assert len(await frame.all(text("SELECT id FROM procrastinate_workers"))) == 1
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert seen == [1, 2, 3]
    async with writing() as frame:
        assert await frame.all(text("SELECT id FROM procrastinate_workers")) == []
