"""The connections of a process: kept from frame to frame, never more than there are places, and clean when lent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import LiteralString

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.ext.asyncio import AsyncConnection

from rtp.db import connections
from rtp.db.engine import Database
from rtp.db.prepared import Driver, Prepared
from rtp.errors import Unavailable
from rtp.testing.servers import Cloned

BACKEND = text("SELECT pg_backend_pid()")
STATE: LiteralString = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rtp' AND datname = current_database()"
)


@pytest.fixture
async def two(database: Cloned) -> AsyncIterator[Database]:
    """A process with two connections."""
    opened = Database(database.app_url, pool_size=2)
    yield opened
    await opened.close()


async def backend(connection: AsyncConnection) -> int:
    return int((await connection.execute(BACKEND)).scalar_one())


async def written(database: Database) -> int:
    async with database.writing() as connection:
        return await backend(connection)


async def read(database: Database) -> int:
    async with database.reading() as connection:
        return await backend(connection)


def opened(cloned: Cloned, condition: LiteralString = "true") -> int:
    """How many connections the process has of which this holds."""
    with psycopg.connect(cloned.owner_url) as owner:
        row = owner.execute(f"{STATE} AND {condition}").fetchone()
    assert row is not None
    return int(row[0])


async def test_one_frame_after_the_other_goes_over_one_connection(two: Database, database: Cloned) -> None:
    assert len({await written(two) for _ in range(5)}) == 1
    assert len({await read(two) for _ in range(5)}) == 1
    assert opened(database) == 2


async def test_what_was_not_committed_is_gone_for_the_next_frame(two: Database) -> None:
    take = text("INSERT INTO effects (key) VALUES ('test:left')")
    async with two.writing() as connection:
        await connection.execute(take)
    with pytest.raises(ZeroDivisionError):
        async with two.writing() as connection:
            await connection.execute(take)
            raise ZeroDivisionError
    for lent in (two.writing(), two.reading()):
        async with lent as connection:
            assert (await connection.execute(text("SELECT count(*) FROM effects"))).scalar_one() == 0


async def test_what_only_the_driver_began_is_gone_for_the_next_frame(two: Database) -> None:
    async with two.writing() as connection:
        await Driver(connection).run(Prepared(text("INSERT INTO effects (key) VALUES ('test:left')")), {})
    async with two.writing() as connection:
        assert await Driver(connection).run(Prepared(text("SELECT key FROM effects")), {}) == []


async def test_no_frame_leaves_a_transaction_open_behind_it(two: Database, database: Cloned) -> None:
    await written(two)
    await read(two)
    async with two.writing() as connection:
        await backend(connection)
        assert opened(database, "state = 'idle in transaction'") == 1
    assert opened(database, "state = 'idle in transaction'") == 0


async def test_reads_and_writes_make_room_for_each_other(database: Cloned) -> None:
    one = Database(database.app_url, pool_size=1)
    for _ in range(3):
        await written(one)
        await read(one)
    assert opened(database) == 1
    await one.close()


async def test_there_are_never_more_connections_than_places_and_everybody_comes_to_one(
    two: Database, database: Cloned
) -> None:
    most = 0

    async def watched(lent: AsyncConnection) -> None:
        nonlocal most
        most = max(most, opened(database))
        await backend(lent)

    async def write() -> None:
        async with two.writing() as connection:
            await watched(connection)

    async def look() -> None:
        async with two.reading() as connection:
            await watched(connection)

    await asyncio.gather(*(work() for _ in range(15) for work in (write, look)))
    assert most == 2


async def test_who_finds_all_in_use_for_too_long_is_told_so_and_takes_no_place(
    two: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WAIT_SECONDS", 0.01)
    async with two.writing(), two.reading():
        with pytest.raises(NoneFree):
            await read(two)
        with pytest.raises(NoneFree):
            await written(two)
    assert await asyncio.gather(written(two), read(two))


async def test_a_frame_that_is_cut_off_gives_its_place_back(two: Database) -> None:
    async def hang() -> None:
        async with two.writing() as connection:
            await connection.execute(text("SELECT pg_sleep(60)"))

    tasks = [asyncio.create_task(hang()) for _ in range(2)]
    await asyncio.sleep(0.1)
    waiting = asyncio.create_task(written(two))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await waiting


async def test_a_connection_that_was_lost_is_told_once_and_takes_the_idle_ones_with_it(
    two: Database, database: Cloned
) -> None:
    async with two.reading() as first, two.writing() as second:
        pids = [await backend(first), await backend(second)]
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        for pid in pids:
            owner.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with pytest.raises(Unavailable):
        await written(two)
    assert not {await written(two), await read(two)} & set(pids)


async def test_a_server_that_is_not_there_leaves_every_place_free(
    database: Cloned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WAIT_SECONDS", 0.01)
    gone = Database(database.app_url.rpartition("/")[0] + "/no_such_database", pool_size=1)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await read(gone)
    await gone.close()
