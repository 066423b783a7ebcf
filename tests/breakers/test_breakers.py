"""Breakers as processes report them, through the real database: what is kept, what is told, what an order does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from rtp.breakers import policy
from rtp.db.engine import Database
from rtp.db.frames import Frames
from rtp.errors import Unavailable
from rtp.kit.breaker import Breaker, BreakerOpen, Rules
from rtp.runtime.site import free_port
from rtp.testing.plugin import OpenFrame
from rtp_server import breaking
from rtp_server.breaking import Watched
from tests.breakers.reports import HERE, NAME, listed, reading, report


class Time:
    """A monotonic clock for a breaker: the machine's, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead


async def events(api: httpx.AsyncClient) -> list[tuple[str, int, Any]]:
    items = (await api.get("/v1/events")).json()["items"]
    ours = [(one["type"], one["version"], one["payload"]) for one in items if one["type"].startswith("breaker.")]
    return sorted(ours, key=lambda one: int(one[1]))


async def failing() -> None:
    raise ConnectionError


async def fail(breaker: Breaker) -> None:
    with pytest.raises(ConnectionError):
        await breaker.call(failing)


async def fine() -> str:
    return "done"


async def test_each_process_has_one_row_for_each_breaker_however_often_it_reports(
    api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    await report(writing, reading())
    await report(writing, reading("open", "open"), process="host:2")
    await report(writing, reading("open", "open"), process="host:2")
    assert [(one["process"], one["circuit"]) for one in await listed(api)] == [(HERE, "closed"), ("host:2", "open")]
    assert [one["process"] for one in await listed(api, circuit="open")] == ["host:2"]


async def test_every_move_is_an_event_of_its_own_with_the_version_it_led_to(
    api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    await report(writing, reading())
    await report(writing, reading("half_open", "open", "half_open"))
    await report(writing, reading("closed", "closed"))
    await report(writing, reading())
    found = await events(api)
    assert [(type, version) for type, version, _ in found] == [
        ("breaker.opened", 2),
        ("breaker.half_open", 3),
        ("breaker.closed", 4),
    ]
    told = found[0][2]["after"]
    assert (told["name"], told["process"], told["circuit"], told["at"]) == (NAME, HERE, "open", "2026-03-02T14:29:59Z")


async def test_doctor_warns_of_an_open_breaker_and_not_of_one_that_only_waits_for_a_call(
    api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    async def told() -> tuple[str, str]:
        checks = (await api.get("/v1/doctor")).json()["checks"]
        return next((check["state"], check["detail"]) for check in checks if check["name"] == "breakers")

    await report(writing, reading())
    await report(writing, reading("open", "open"), process="host:2")
    assert await told() == ("warning", f"{NAME} is open in host:2")
    await report(writing, reading("half_open", "half_open"), process="host:2")
    assert await told() == ("ok", f"none is open: {NAME}; host:2 tries it with its next call")


async def test_all_breakers_of_a_name_are_shown_together_and_open_where_one_is(
    api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    await report(writing, reading())
    await report(writing, reading("half_open", "open", "half_open"), process="host:2")
    await report(writing, reading("open", "open"), process="host:3")
    shown = (await api.get(f"/v1/breakers/{NAME}")).json()
    assert (shown["circuit"], shown["processes"], shown["reset"]) == ("open", 3, "none")
    assert shown["breakers"][2]["since"] == "2026-03-02T14:29:55Z"
    assert shown["breakers"][2]["half_open_at"] == "2026-03-02T14:30:25Z"
    one = (await api.get(f"/v1/breakers/{shown['breakers'][0]['id']}")).json()
    assert (one["circuit"], one["processes"]) == ("closed", 1)


@pytest.mark.parametrize("key", ["provider:other", "brk_42", "brk_0000000000000000000000000X"])
async def test_a_breaker_that_no_process_has_is_not_found(api: httpx.AsyncClient, key: str) -> None:
    answer = await api.get(f"/v1/breakers/{key}")
    assert (answer.status_code, answer.json()["code"]) == (404, "breaker_not_found")


async def test_a_process_that_went_away_silently_is_not_listed_and_forgotten_by_the_next(
    api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    await report(writing, reading("open", "open"))
    async with writing() as frame:
        await frame.execute(text("UPDATE breakers SET seen_at = now() - interval '61 seconds'"))
    assert await listed(api) == []
    assert (await api.get(f"/v1/breakers/{NAME}")).status_code == 404
    await report(writing, reading(), process="host:2")
    async with writing() as frame:
        [row] = await frame.all(text("SELECT process FROM breakers"))
        assert row.process == "host:2"


async def test_a_reset_of_closed_breakers_is_refused(api: httpx.AsyncClient, writing: OpenFrame) -> None:
    await report(writing, reading())
    answer = await api.post(f"/v1/breakers/{NAME}/reset")
    assert (answer.status_code, answer.json()["code"]) == (422, "breaker_closed")


async def test_a_reset_is_an_order_in_the_row_of_each_process_whose_breaker_is_not_closed(
    api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    await report(writing, reading())
    await report(writing, reading("open", "open"), process="host:2")
    answer = await api.post(f"/v1/breakers/{NAME}/reset", params={"reason": "it is back"})
    assert answer.json() == {"id": NAME, "circuit": "open", "processes": 2, "reset": "asked"}
    assert await report(writing, reading()) == {NAME: 0}
    assert await report(writing, reading("open"), process="host:2") == {NAME: 1}
    await report(writing, reading("closed", "closed", resets_done=1), process="host:2")
    assert (await api.get(f"/v1/breakers/{NAME}")).json()["reset"] == "none"
    audit = (await api.get("/v1/audit", params={"limit": 50})).json()["items"]
    [ordered] = [one for one in audit if one["operation"] == "breakers.reset"]
    assert ordered["reason"] == "it is back"


async def test_a_dry_run_of_a_reset_orders_nothing_and_its_plan_does(
    api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    await report(writing, reading("open", "open"))
    plan = (await api.post(f"/v1/breakers/{NAME}/reset", params={"dry_run": True})).json()
    assert [change["type"] for change in plan["changes"]] == ["breaker.reset"]
    assert await report(writing, reading("open", fires=9, since_seconds=8.0)) == {NAME: 0}
    applied = await api.post(f"/v1/plans/{plan['id']}/apply")
    assert applied.status_code == 200, applied.text
    assert await report(writing, reading("open")) == {NAME: 1}


async def test_a_watched_breaker_tells_its_moves_and_obeys_an_order(api: httpx.AsyncClient, frames: Frames) -> None:
    breaker = Breaker(NAME)
    watched = [Watched(breaker, asyncio.Event())]
    await fail(breaker)
    await breaking.once(frames, watched, HERE)
    [row] = await listed(api)
    assert (row["circuit"], row["fires"], row["failures"], row["calls"]["failure"]) == ("open", 1, 1, 1)
    await api.post(f"/v1/breakers/{NAME}/reset")
    await breaking.once(frames, watched, HERE)
    assert breaker.state == "closed"
    assert await breaker.call(fine) == "done"
    await breaking.once(frames, watched, HERE)
    [row] = await listed(api)
    assert (row["circuit"], row["reset"]) == ("closed", "none")
    assert [type for type, *_ in await events(api)] == ["breaker.opened", "breaker.reset", "breaker.closed"]


async def test_an_order_is_carried_out_once_so_that_the_breaker_may_open_again(
    api: httpx.AsyncClient, frames: Frames
) -> None:
    breaker = Breaker(NAME)
    watched = [Watched(breaker, asyncio.Event())]
    await fail(breaker)
    await breaking.once(frames, watched, HERE)
    await api.post(f"/v1/breakers/{NAME}/reset")
    await breaking.once(frames, watched, HERE)
    await fail(breaker)
    for _ in range(2):
        await breaking.once(frames, watched, HERE)
    assert breaker.state == "open"


async def test_what_time_brings_to_an_idle_breaker_is_told_too(api: httpx.AsyncClient, frames: Frames) -> None:
    time = Time()
    breaker = Breaker(NAME, monotonic=time)
    watched = [Watched(breaker, asyncio.Event())]
    await fail(breaker)
    time.ahead = 31.0
    await breaking.once(frames, watched, HERE)
    assert [type for type, *_ in await events(api)] == ["breaker.opened", "breaker.half_open"]
    assert (await listed(api))[0]["circuit"] == "half_open"


async def test_the_watch_tells_a_move_at_once_and_leaves_no_row_behind(
    api: httpx.AsyncClient, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaking, "BEAT_SECONDS", 3600.0)
    breaker, stop = Breaker(NAME), asyncio.Event()
    task = asyncio.create_task(breaking.run(frames, [breaker], HERE, stop))
    await until(api, "closed")
    await fail(breaker)
    await until(api, "open")
    stop.set()
    await task
    assert await listed(api) == []


async def until(api: httpx.AsyncClient, circuit: str) -> None:
    for _ in range(500):
        if [one["circuit"] for one in await listed(api)] == [circuit]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"it is not told to be {circuit}")


async def test_jobs_that_were_held_back_run_when_the_breaker_closes_and_those_planned_for_later_do_not(
    api: httpx.AsyncClient, frames: Frames, writing: OpenFrame
) -> None:
    async with writing() as frame:
        for name, queue in (("held", "provider"), ("other", "webhooks")):
            frame.enqueue(f"tests.{name}", queue=queue)
        for name in ("planned", "running"):
            frame.enqueue(f"tests.{name}", queue="provider", at=datetime(2100, 1, 1, tzinfo=UTC))
    async with writing() as frame:
        await frame.execute(text("UPDATE procrastinate_jobs SET status = 'doing' WHERE task_name <> 'tests.planned'"))
        await frame.execute(
            text(
                "SELECT procrastinate_retry_job_v2(id, now() + interval '40 s', NULL, NULL, NULL) "
                "FROM procrastinate_jobs WHERE task_name IN ('tests.held', 'tests.other')"
            )
        )
    breaker = Breaker(NAME)
    watched = [Watched(breaker, asyncio.Event())]
    await fail(breaker)
    await breaking.once(frames, watched, HERE)
    assert await due(writing) == []
    await api.post(f"/v1/breakers/{NAME}/reset")
    await breaking.once(frames, watched, HERE)
    await breaking.once(frames, watched, HERE)
    assert await due(writing) == ["tests.held"]
    assert (await events(api))[-1][2]["after"]["hastened"] == 1


async def due(writing: OpenFrame) -> list[str]:
    """The jobs that may run now."""
    query = "SELECT task_name FROM procrastinate_jobs WHERE status = 'todo' AND coalesce(scheduled_at <= now(), true)"
    async with writing() as frame:
        return [str(row.task_name) for row in await frame.all(text(query))]


async def test_while_the_database_is_away_moves_are_kept_and_told_in_order_later(
    api: httpx.AsyncClient, frames: Frames
) -> None:
    breaker = Breaker(NAME, Rules(reset=0.01))
    watched = [Watched(breaker, asyncio.Event())]
    nowhere = Frames(Database(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"))
    await fail(breaker)
    with pytest.raises(Unavailable):
        await breaking.once(nowhere, watched, HERE)
    await asyncio.sleep(0.02)
    await breaker.call(fine)
    await breaking.once(frames, watched, HERE)
    assert [type for type, *_ in await events(api)] == ["breaker.opened", "breaker.half_open", "breaker.closed"]


async def test_a_call_has_one_outcome_although_timeouts_and_calls_over_capacity_are_failures_too() -> None:
    breaker = Breaker(NAME, Rules(capacity=1, timeout=0.01, volume=10))
    holding = breaker.begin()
    for _ in range(2):
        with pytest.raises(Exception, match="under way"):
            await breaker.call(fine)
    breaker.abandon(holding)
    with pytest.raises(TimeoutError):
        await breaker.call(asyncio.Event().wait)
    await fail(breaker)
    assert await breaker.call(fine) == "done"
    breaker.open()
    with pytest.raises(BreakerOpen):
        await breaker.call(fine)
    assert policy.outcomes(breaker.totals, capacity_counts=True) == {
        "success": 1, "failure": 1, "timeout": 1, "rejected": 1, "over_capacity": 2,
    }  # fmt: skip
