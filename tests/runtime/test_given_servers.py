"""Servers that are given are used, not started, and not changed unasked."""

from __future__ import annotations

import psycopg

from rtp.testing.keeper import Services
from rtp.testing.servers import Cloned
from tests.runtime.conftest import New


def test_given_servers_are_used_and_not_started(new: New, database: Cloned, redis_url: str) -> None:
    platform = new(**given(database.app_url, database.owner_url, redis_url))
    status = platform.json("up")
    rows = {row["name"]: row["state"] for row in status["services"]}
    assert rows["postgres"] == rows["valkey"] == "external"
    assert (status["state"], status["schema"]) == ("healthy", "current")
    assert not (platform.home / "data" / "postgres").exists()
    platform.rtp("down")
    with psycopg.connect(database.app_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_given_empty_database_gets_no_schema_unasked(new: New, services: Services) -> None:
    platform = new(**given(services.app_url, services.owner_url, services.redis_url))
    assert platform.json("up", expect=10)["schema"] == "empty"
    with psycopg.connect(services.owner_url) as connection:
        assert connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,)


def test_one_database_url_alone_fails_the_doctor(new: New) -> None:
    platform = new(RTP_DATABASE_URL="postgresql://rtp@/rtp?host=/nowhere")
    checks = {check["name"]: check for check in platform.json("doctor", expect=10)["checks"]}
    assert checks["database roles"]["state"] == "failed"
    assert "audit is not protected" in checks["database roles"]["detail"]


def given(app_url: str, owner_url: str, redis_url: str) -> dict[str, str]:
    return {"RTP_DATABASE_URL": app_url, "RTP_DATABASE_OWNER_URL": owner_url, "RTP_REDIS_URL": redis_url}
