"""Migrations over the API: on a current schema, on one that is behind, dirty, or newer."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from rtp.migrations import schema
from rtp.migrations.schemas import ApplyResult
from rtp.migrations.scripts import PACKAGED
from rtp.settings import Settings
from rtp.testing import asgi
from rtp.testing.servers import Cloned
from rtp_server import schema_gate

Run = Callable[..., ApplyResult]
Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
NEWEST = schema.known()[-1]


@pytest.fixture
def serve(empty: Cloned) -> Serve:
    """The application on the database that began empty."""

    @asynccontextmanager
    async def start(**other: Any) -> AsyncIterator[httpx.AsyncClient]:
        from rtp_server.app import create_app

        settings = Settings(database_url=empty.app_url, database_owner_url=empty.owner_url)
        app: Any = create_app(msgspec.structs.replace(settings, **other))
        async with asgi.started(app), asgi.client(app, socket=True) as client:
            yield client

    return start


def execute(database: Cloned, sql: str) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(sql)


async def test_on_a_current_schema_nothing_is_pending(api: httpx.AsyncClient) -> None:
    status = (await api.get("/v1/migrations/status")).json()
    assert (status["state"], status["current"], status["pending"]) == ("current", NEWEST, [])
    plan = (await api.get("/v1/migrations/plan")).json()
    assert (plan["method"], plan["statements"]) == ("shadow", [])
    history = (await api.get("/v1/migrations/history")).json()["items"]
    assert [row["revision"] for row in history] == sorted(schema.known(), reverse=True)
    assert {row["by"] for row in history} == {"first start"}


async def test_while_the_schema_is_behind_everything_else_says_how_to_migrate(
    empty: Cloned, applying: Run, serve: Serve
) -> None:
    applying(empty, PACKAGED, target="0001")
    async with serve() as api:
        refused = await api.get("/v1/users")
        assert (refused.status_code, refused.json()["code"]) == (503, "schema_outdated")
        assert (refused.json()["hint"], refused.json()["exit_code"]) == ("rtp db migrate", 6)
        assert (await api.get("/health/ready")).status_code == 503
        assert (await api.get("/v1/whoami")).status_code == 200
        doctor = (await api.get("/v1/doctor")).json()["checks"]
        failing = [(check["name"], check["fix"]) for check in doctor if check["state"] != "ok"]
        assert failing == [("migrations", "rtp db migrate")]
        done = await api.post("/v1/migrations/apply", json={}, params={"reason": "release"})
        assert done.status_code == 200, done.text
        assert [row["revision"] for row in done.json()["applied"]] == list(schema.known()[1:])
        assert (await api.get("/v1/users")).status_code == 200
        rows = (await api.get("/v1/audit")).json()["items"]
        assert [(row["operation"], row["reason"]) for row in rows] == [("migrations.apply", "release")]
        assert [change["target"] for change in rows[0]["changes"]] == list(schema.known()[1:])


async def test_who_migrates_need_not_wait_until_the_earlier_look_at_the_schema_is_too_old(
    empty: Cloned, applying: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_gate, "SECONDS", 3600.0)
    applying(empty, PACKAGED, target=schema.known()[-2])
    async with serve() as api:
        assert (await api.get("/v1/users")).json()["code"] == "schema_outdated"
        assert (await api.post("/v1/migrations/apply", json={})).status_code == 200
        assert (await api.get("/v1/users")).status_code == 200


async def test_an_empty_database_is_migrated_through_the_api(serve: Serve) -> None:
    async with serve() as api:
        assert (await api.get("/v1/migrations/status")).json()["state"] == "empty"
        assert (await api.get("/v1/migrations/history")).json()["items"] == []
        assert (await api.get("/v1/plans/plan_1")).status_code in (404, 503)
        plan = await api.get("/v1/migrations/plan", params={"target": "0001"})
        assert plan.status_code == 200, plan.text
        assert {one["source"] for one in plan.json()["statements"]} == {"0001"}
        assert (await api.post("/v1/migrations/apply", json={}, params={"dry_run": True})).json()[
            "code"
        ] == "plan_not_kept"
        assert (await api.post("/v1/migrations/apply", json={})).json()["after"] == NEWEST


async def test_a_token_on_an_empty_database_is_unknown_and_no_crash(serve: Serve) -> None:
    async with serve() as api:
        answer = await api.get("/v1/whoami", headers={"Authorization": "Bearer rtp_" + "A" * 40})
        assert answer.status_code in (401, 503), answer.text


async def test_an_apply_is_planned_first_and_its_plan_used_once(empty: Cloned, applying: Run, serve: Serve) -> None:
    applying(empty, PACKAGED, target="0002")
    async with serve() as api:
        planned = await api.post("/v1/migrations/apply", json={}, params={"dry_run": True})
        assert planned.status_code == 202, planned.text
        plan = planned.json()
        assert [change["target"] for change in plan["changes"]] == list(schema.known()[2:])
        assert (await api.get("/v1/migrations/status")).json()["current"] == "0002"
        done = await api.post(f"/v1/plans/{plan['id']}/apply")
        assert (done.status_code, done.json()["after"]) == (200, NEWEST)
        again = await api.post(f"/v1/plans/{plan['id']}/apply")
        assert (again.status_code, again.json()["code"]) == (409, "plan_used")
        row = (await api.get("/v1/audit")).json()["items"][0]
        assert row["operation"] == "migrations.apply"


async def test_a_plan_is_refused_when_somebody_else_migrated_meanwhile(
    empty: Cloned, applying: Run, serve: Serve
) -> None:
    applying(empty, PACKAGED, target="0001")
    async with serve() as api:
        plan = (await api.post("/v1/migrations/apply", json={}, params={"dry_run": True})).json()
        applying(empty, PACKAGED, target="0002")
        refused = await api.post(f"/v1/plans/{plan['id']}/apply")
        assert (refused.status_code, refused.json()["code"]) == (409, "plan_outdated")
        assert (await api.get("/v1/migrations/status")).json()["current"] == "0002"


async def test_a_plan_of_another_write_waits_for_the_migration(empty: Cloned, applying: Run, serve: Serve) -> None:
    applying(empty, PACKAGED)
    async with serve() as api:
        ada = {"email": "ada@example.com", "name": "Ada", "timezone": "UTC"}
        plan = (await api.post("/v1/users", json=ada, params={"dry_run": True})).json()
    execute(empty, "UPDATE alembic_version SET version_num = '0001'")
    async with serve() as api:
        refused = await api.post(f"/v1/plans/{plan['id']}/apply")
        assert (refused.status_code, refused.json()["code"]) == (503, "schema_outdated")


async def test_the_same_key_gets_the_stored_answer_and_applies_nothing_more(
    empty: Cloned, applying: Run, serve: Serve
) -> None:
    applying(empty, PACKAGED, target="0001")
    async with serve() as api:
        headers = {"Idempotency-Key": "k1"}
        first = await api.post("/v1/migrations/apply", json={"target": "0002"}, headers=headers)
        second = await api.post("/v1/migrations/apply", json={"target": "0002"}, headers=headers)
        assert first.content == second.content
        assert second.headers["idempotency-replayed"] == "true"
        other = await api.post("/v1/migrations/apply", json={}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_dirty_schema_is_refused_with_its_way_out(empty: Cloned, applying: Run, serve: Serve) -> None:
    applying(empty, PACKAGED, target="0001")
    execute(empty, "UPDATE schema_history SET state = 'started', revision = '0002' WHERE revision = '0001'")
    async with serve() as api:
        assert (await api.get("/v1/users")).json()["hint"] == "rtp db apply --resume"
        refused = await api.post("/v1/migrations/apply", json={})
        assert (refused.status_code, refused.json()["code"]) == (409, "schema_dirty")
        done = await api.post("/v1/migrations/apply", json={"resume": True})
        assert done.json()["after"] == NEWEST


async def test_the_server_does_not_start_on_a_newer_schema(empty: Cloned, applying: Run, serve: Serve) -> None:
    applying(empty, PACKAGED)
    execute(empty, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises((asgi.LifespanFailed, ExceptionGroup)) as refused:
        async with serve():
            pass
    told = "".join(traceback.format_exception(refused.value))
    assert "SchemaTooNew: The database is at 9999" in told


async def test_without_the_owners_connection_planning_and_applying_say_what_is_missing(
    empty: Cloned, applying: Run, serve: Serve
) -> None:
    applying(empty, PACKAGED)
    async with serve(database_owner_url="") as api:
        for answer in (await api.get("/v1/migrations/plan"), await api.post("/v1/migrations/apply", json={})):
            assert (answer.status_code, answer.json()["code"]) == (422, "owner_url_missing")
            assert "RTP_DATABASE_OWNER_URL" in answer.json()["hint"]
        assert (await api.get("/v1/migrations/status")).json()["state"] == "current"


async def test_sql_that_does_not_run_is_refused_with_its_number(api: httpx.AsyncClient) -> None:
    sql = "ALTER TABLE users ADD COLUMN a int; ALTER TABLE nowhere ADD COLUMN b int"
    refused = await api.post("/v1/migrations/preview", json={"sql": sql})
    assert (refused.status_code, refused.json()["code"]) == (400, "sql_not_valid")
    assert "Statement 2" in refused.json()["detail"]
    assert "nowhere" in refused.json()["detail"]
