"""Statements that the driver runs alone: transaction, savepoint and errors are those of SQLAlchemy's statements."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, literal, select, text
from sqlalchemy.exc import IntegrityError

from rtp.db.closing import Writing
from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.db.prepared import Prepared
from rtp.db.savepoints import apart
from rtp.errors import Unavailable
from rtp.kit import trace
from rtp.permissions import LOCAL_OWNER
from rtp.testing.plugin import OpenFrame

TAKEN = Prepared(text("SELECT key FROM effects WHERE key LIKE :like ORDER BY key"))
TAKE = Prepared(text("INSERT INTO effects (key) VALUES (:key)"))
TWICE = Writing("INSERT INTO effects (key) SELECT v.key || n FROM {rows} AS v(key text), generate_series(1, 2) n")


async def taken(frame: Frame) -> list[str]:
    return [row.key for row in await frame.all(TAKEN, {"like": "test:%"})]


async def test_each_kind_of_statement_sees_what_the_other_did_in_the_same_transaction(frame: Frame) -> None:
    await frame.execute(text("INSERT INTO effects (key) VALUES ('test:1')"))
    await frame.first(TAKE, {"key": "test:2"})
    assert await taken(frame) == ["test:1", "test:2"]
    assert (await frame.first(text("SELECT count(*) AS n FROM effects WHERE key LIKE 'test:%'"))).n == 2  # type: ignore[union-attr]


async def test_a_frame_commits_what_only_the_driver_ran(writing: OpenFrame) -> None:
    async with writing() as frame:
        await frame.first(TAKE, {"key": "test:kept"})
    async with writing() as frame:
        assert await taken(frame) == ["test:kept"]


async def test_a_frame_that_fails_takes_back_what_only_the_driver_ran(writing: OpenFrame) -> None:
    with pytest.raises(ZeroDivisionError):
        async with writing() as frame:
            await frame.first(TAKE, {"key": "test:lost"})
            raise ZeroDivisionError
    async with writing() as frame:
        assert await taken(frame) == []


async def test_a_dry_run_takes_back_what_only_the_driver_ran(writing: OpenFrame) -> None:
    async with writing(dry_run=True) as frame:
        await frame.first(TAKE, {"key": "test:planned"})
    async with writing() as frame:
        assert await taken(frame) == []


async def test_an_error_is_the_one_that_sqlalchemy_raises_and_names_the_constraint(writing: OpenFrame) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with writing() as frame:
            await frame.first(TAKE, {"key": "test:1"})
            await frame.first(TAKE, {"key": "test:1"})
    assert caught.value.orig.diag.constraint_name == "effects_pkey"  # type: ignore[union-attr]
    async with writing() as frame:
        assert await taken(frame) == []


async def test_a_lost_connection_is_said_and_the_next_frame_gets_another(frames: Frames, writing: OpenFrame) -> None:
    backend = Prepared(text("SELECT pg_backend_pid() AS pid"))
    with pytest.raises(Unavailable):
        async with writing() as frame:
            row = await frame.first(backend, {})
            async with frames.database.writing() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": row.pid})  # type: ignore[union-attr]
            await frame.first(TAKE, {"key": "test:1"})
    async with writing() as frame:
        assert await taken(frame) == []


async def test_reading_frames_see_what_others_commit_between_two_statements(frames: Frames, writing: OpenFrame) -> None:
    reading = frames.reading(operation="tests.read", principal=LOCAL_OWNER, trace=trace.start())
    async with reading as frame:
        assert await taken(frame) == []
        async with writing() as other:
            await other.first(TAKE, {"key": "test:1"})
        assert await taken(frame) == ["test:1"]


async def test_a_statement_keeps_the_names_of_its_columns_and_the_values_of_its_own(frame: Frame) -> None:
    column = literal(7).label("seven")
    statement = Prepared(select(column, bindparam("given").label("given")).where(literal(1) == bindparam("one")))
    for given in ("x", "y"):
        assert list(await frame.all(statement, {"given": given, "one": 2})) == []
        row = await frame.first(statement, {"given": given, "one": 1})
        assert row is not None
        assert (row.seven, row.given) == (7, given)


async def test_two_statements_of_one_frame_do_not_mix_up_their_columns(frame: Frame) -> None:
    wide, narrow = Prepared(text("SELECT 1 AS a, 2 AS b, 3 AS c")), Prepared(text("SELECT 4 AS d"))
    for _ in range(2):
        assert (await frame.first(wide, {}))._fields == ("a", "b", "c")  # type: ignore[union-attr]
        assert (await frame.first(narrow, {}))._fields == ("d",)  # type: ignore[union-attr]


async def test_what_a_savepoint_takes_back_is_gone_whoever_ran_it(frame: Frame) -> None:
    await frame.first(TAKE, {"key": "test:before"})
    with pytest.raises(IntegrityError):
        async with apart(frame):
            await frame.first(TAKE, {"key": "test:inside"})
            await frame.first(TAKE, {"key": "test:before"})
    assert await taken(frame) == ["test:before"]


async def test_a_statement_of_its_own_writes_with_the_rows_before_whatever_reads_next(frame: Frame) -> None:
    frame.add_once("test:a")
    frame.write(TWICE, key="test:b")
    frame.write(TWICE, key="test:c")
    assert await taken(frame) == ["test:a", "test:b1", "test:b2", "test:c1", "test:c2"]
