"""The history of requests ends by whole quarters, and room for what is to come is made without a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text

from rtp.db import partitions
from rtp.db.engine import DatabaseBusy, url_of
from rtp.db.frames import Frames
from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.migrations import jobs as migration_jobs
from rtp.settings import Settings
from rtp.telemetry import jobs
from rtp.testing.servers import Cloned
from rtp_server import work

ADD = text(
    """
    INSERT INTO requests (id, at, method, route, status, duration_ms, request_id, actor_kind)
    VALUES (:id, :at, 'GET', '/v1/users', 200, 1.5, 'r', 'owner')
    """
)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url_of(url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def asked_in(database: Cloned, *instants: datetime) -> None:
    """Requests of these instants, each in the partition of its quarter."""
    with connected(database.owner_url) as connection:
        for at in instants:
            partitions.ensure(connection, at, ("requests",))
            connection.execute(ADD, {"id": UUID(int=partitions.lowest_id(at).int + 1), "at": at})
        connection.commit()


def left(database: Cloned) -> list[datetime]:
    with connected(database.owner_url) as connection:
        return [row.at for row in connection.execute(text("SELECT at FROM requests ORDER BY id"))]


def names(database: Cloned, table: str = "requests") -> list[str]:
    query = text("SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = CAST(:t AS regclass)")
    with connected(database.owner_url) as connection:
        return sorted(row.name for row in connection.execute(query, {"t": table}))


def context(frames: Frames, settings: Settings) -> Context:
    return Context(frames, settings, trace.start(), "telemetry.sweep")


async def audited(frames: Frames) -> list[Any]:
    async with frames.database.reading() as connection:
        rows = await connection.execute(text("SELECT changes -> 'summary' AS summary FROM audit ORDER BY id"))
        return [row.summary for row in rows]


WINTER, SPRING = datetime(2025, 2, 3, tzinfo=UTC), datetime(2025, 5, 6, tzinfo=UTC)
END_OF_WINTER = datetime(2025, 3, 31, 23, 59, 59, tzinfo=UTC)


async def test_a_quarter_goes_when_its_last_request_is_too_old_and_not_a_day_before(
    database: Cloned, frames: Frames, settings: Settings, clock: FixedClock
) -> None:
    asked_in(database, WINTER, END_OF_WINTER, SPRING)
    clock.instant = datetime(2025, 6, 29, 23, 59, tzinfo=UTC)  # 90 days after the quarter's end, but for a minute
    await jobs.sweep(context(frames, settings))
    assert left(database) == [WINTER, END_OF_WINTER, SPRING]
    assert await audited(frames) == []
    clock.instant = datetime(2025, 6, 30, tzinfo=UTC)
    await jobs.sweep(context(frames, settings))
    assert left(database) == [SPRING]
    assert "requests_2025q1" not in names(database)
    [summary] = await audited(frames)
    assert list(summary["dropped"]) == ["requests_2025q1"]
    assert summary["dropped"]["requests_2025q1"] > 0
    await jobs.sweep(context(frames, settings))
    assert len(await audited(frames)) == 1


async def test_nothing_but_the_history_is_ever_dropped(
    database: Cloned, frames: Frames, settings: Settings, clock: FixedClock
) -> None:
    others = [table for table in partitions.PARTITIONED if table != "requests"]
    before = {table: names(database, table) for table in others}
    clock.instant = datetime(2040, 1, 1, tzinfo=UTC)
    await jobs.sweep(context(frames, settings))
    assert names(database) == []
    assert {table: names(database, table) for table in others} == before


async def test_who_reads_the_history_for_long_is_not_pushed_aside_and_the_job_comes_again(
    database: Cloned, frames: Frames, settings: Settings, clock: FixedClock
) -> None:
    asked_in(database, WINTER)
    clock.instant = datetime(2026, 1, 1, tzinfo=UTC)
    with connected(database.app_url) as reader:
        reader.execute(text("SELECT count(*) FROM requests"))
        with pytest.raises(DatabaseBusy):
            await jobs.sweep(context(frames, settings))
    assert left(database) == [WINTER]
    await jobs.sweep(context(frames, settings))
    assert left(database) == []


async def test_a_worker_that_does_not_own_the_history_leaves_it_and_says_why(
    database: Cloned, frames: Frames, clock: FixedClock, capfd: pytest.CaptureFixture[str]
) -> None:
    asked_in(database, WINTER)
    clock.instant = datetime(2026, 1, 1, tzinfo=UTC)
    settings = Settings(database_url=database.app_url)
    await jobs.sweep(context(frames, settings))
    await migration_jobs.ahead(context(frames, settings))
    assert left(database) == [WINTER]
    said = capfd.readouterr().out
    assert "history_kept" in said
    assert "partitions_not_made" in said


async def test_room_is_made_two_quarters_ahead_while_the_platform_runs(
    database: Cloned, frames: Frames, settings: Settings, clock: FixedClock
) -> None:
    clock.instant = datetime(2031, 12, 31, tzinfo=UTC)
    await migration_jobs.ahead(context(frames, settings))
    for table in partitions.PARTITIONED:
        assert names(database, table)[-3:] == [f"{table}_2031q4", f"{table}_2032q1", f"{table}_2032q2"]
    [summary] = await audited(frames)
    assert len(summary["made"]) == 3 * len(partitions.PARTITIONED)
    await migration_jobs.ahead(context(frames, settings))
    assert len(await audited(frames)) == 1


def test_the_worker_does_both_by_itself() -> None:
    periodic = {job.name for job in work.JOBS if job.cron}
    assert {"telemetry.sweep", "partitions.ahead", "webhooks_received.sweep", "webhooks.sweep"} <= periodic
