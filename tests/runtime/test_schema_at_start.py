"""A start leaves a schema alone that is not its own: an older one waits for its command, a newer one is refused."""

from __future__ import annotations

import json

import psycopg
from psycopg import sql

from rtp.migrations.schema import known
from rtp.testing.waiting import eventually
from tests.runtime.instances import Platform, database_url


def test_an_older_schema_is_left_alone_and_the_way_on_is_named(platform: Platform) -> None:
    move_schema(platform, "0001")
    platform.rtp("down")
    done = platform.rtp("up", "-o", "json", expect=10)
    assert json.loads(done.stdout)["schema"] == "behind"
    assert "rtp db migrate" in done.stderr
    assert schema(platform) == "0001"
    move_schema(platform, known()[-1])  # what `rtp db migrate` ends with
    eventually("the schema is told as current", lambda: told(platform) == ("healthy", "current"))


def test_a_newer_schema_is_refused_and_everything_is_stopped(platform: Platform) -> None:
    move_schema(platform, "9999")
    platform.rtp("down")
    error = platform.failure("up", expect=6)
    assert error["code"] == "database_too_new"
    assert "9999" in error["message"]
    assert platform.processes() == []


def told(platform: Platform) -> tuple[str, str]:
    status = platform.status()
    return status["state"], status["schema"]


def schema(platform: Platform) -> str:
    with psycopg.connect(database_url(platform, "rtp_owner")) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row
        return str(row[0])


def move_schema(platform: Platform, version: str) -> None:
    with psycopg.connect(database_url(platform, "rtp_owner")) as connection:
        connection.execute(sql.SQL("UPDATE alembic_version SET version_num = {}").format(version))
