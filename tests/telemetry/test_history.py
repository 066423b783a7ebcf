"""The history of requests: the same figures as the access log, bounded, and never in the way."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest
import structlog
from sqlalchemy import text
from structlog.processors import JSONRenderer

from rtp.errors import Unavailable
from rtp.settings import Settings
from rtp.telemetry import service
from rtp.testing import asgi
from rtp.testing.servers import Cloned
from rtp_server.app import create_app
from rtp_server.edge import history, logs

_ROWS = "SELECT method, route, status, duration_ms, request_id, actor_kind FROM requests ORDER BY id"


def logged(out: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "request"]


async def stored(app: Any) -> list[Any]:
    async with app.state.database.reading() as connection:
        return list((await connection.execute(text(_ROWS))).all())


async def test_the_history_has_the_figures_of_the_access_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = create_app(settings)
    written = io.StringIO()
    monkeypatch.setattr(logs, "_access", structlog.wrap_logger(structlog.PrintLogger(written), [JSONRenderer()]))
    async with asgi.started(app):
        async with asgi.client(app, socket=True) as owner, asgi.client(app) as stranger:
            await owner.post("/v1/users", json={"email": "ada@example.com", "name": "Ada"})
            await owner.get("/v1/users/ada@example.com")
            await owner.get("/v1/users/nobody@example.com")
            await owner.get("/nowhere")
            await owner.get("/health/live")
            await stranger.get("/v1/users")
        await app.history.flush()
        rows = await stored(app)
    lines = logged(written.getvalue())
    assert len(rows) == 6
    found = {(row.method, row.route, row.status, row.duration_ms, row.request_id) for row in rows}
    assert found == {
        (line["method"], line["route"], line["status"], line["ms"], line["request_id"]) for line in lines
    }  # rows of one millisecond have no order
    assert sorted(row.actor_kind for row in rows) == ["none", "none", "owner", "owner", "owner", "owner"]


async def test_what_waits_is_written_when_the_process_ends_and_is_there_for_the_next_one(settings: Settings) -> None:
    for _ in range(2):
        app: Any = create_app(settings)
        async with asgi.started(app), asgi.client(app, socket=True) as owner:
            await owner.get("/v1/users")
    last: Any = create_app(settings)
    async with asgi.started(last):
        assert len(await stored(last)) == 2


async def test_a_request_is_written_without_anybody_asking(settings: Settings) -> None:
    app: Any = create_app(settings)
    async with asgi.started(app), asgi.client(app, socket=True) as owner:
        await owner.get("/v1/users")
        for _ in range(500):
            if await stored(app):
                return
            await asyncio.sleep(0.02)
    raise AssertionError("nothing was written")


async def test_a_batch_that_is_stored_twice_counts_once(settings: Settings) -> None:
    app: Any = create_app(settings)
    async with asgi.started(app), asgi.client(app, socket=True) as owner:
        await owner.get("/v1/users")
        batch = list(app.history.waiting)
        await service.store(app.state.database, batch)
        await app.history.flush()
        assert len(await stored(app)) == 1


async def test_what_the_database_does_not_take_waits_and_is_written_later(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = create_app(settings)

    async def away(*_: Any) -> None:
        raise Unavailable(what="The database")

    async with asgi.started(app), asgi.client(app, socket=True) as owner:
        with monkeypatch.context() as gone:
            gone.setattr(service, "store", away)
            answer = await owner.get("/v1/users")
            await app.history.flush()
        assert answer.status_code == 200
        assert len(app.history.waiting) == 1
        await app.history.flush()
        assert len(await stored(app)) == 1


async def test_what_is_too_much_to_hold_is_dropped_and_counted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "HELD", 2)
    monkeypatch.setattr(history, "SECONDS", 3600)
    app: Any = create_app(settings)
    async with asgi.started(app), asgi.client(app, socket=True) as owner:
        for _ in range(5):
            await owner.get("/v1/users")
        counted = (await owner.get("/metrics")).text
    assert app.history.dropped == 4
    assert "request_history_dropped_total" in counted


def test_the_application_can_add_to_the_history_and_change_nothing_of_it(database: Cloned) -> None:
    import psycopg

    with psycopg.connect(database.app_url) as connection:
        for statement in ("UPDATE requests SET status = 200", "DELETE FROM requests", "TRUNCATE requests"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()
