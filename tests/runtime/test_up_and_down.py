"""`rtp up`, `status` and `down` for real, as everybody who may have to run them."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from rtp.runtime import adopt, probe
from rtp.runtime.instance import Instance
from rtp.settings import Settings
from rtp.testing.keeper import Services
from rtp.testing.servers import Cloned
from tests.runtime.conftest import New
from tests.runtime.instances import Platform, Way, eventually, ways

SERVICES = {"supervisor", "postgres", "valkey", "provider", "preloader", "api", "worker"}


@pytest.mark.parametrize("way", ways(), ids=lambda way: way.name.replace(" ", "-"))
def test_up_is_healthy_and_down_leaves_no_process(new: New, way: Way) -> None:
    platform = new(way=way)
    status = platform.json("up")
    assert status["state"] == "healthy"
    assert {row["name"] for row in status["services"]} >= SERVICES
    assert all(row["state"] == "up" and row["pid"] and row["version"] and row["since"] for row in status["services"])
    platform.rtp("down")
    assert platform.processes() == []
    again = platform.json("up")
    assert again["state"] == "healthy"
    assert again["url"] == status["url"]
    platform.rtp("down")
    assert platform.processes() == []


def test_status_exits_13_when_nothing_was_ever_started(new: New) -> None:
    platform = new()
    status = platform.json("status", expect=13)
    assert (status["state"], status["services"]) == ("down", [])
    assert not platform.home.exists()


def test_up_on_a_running_instance_says_so_and_starts_nothing(shared: Platform) -> None:
    before = sorted(shared.processes())
    done = shared.rtp("up")
    assert "running already" in done.stderr
    assert sorted(shared.processes()) == before


def test_in_the_foreground_it_says_what_it_does_and_an_interrupt_stops_it(new: New) -> None:
    platform = new()
    with platform.popen("up", "--foreground") as process:
        eventually("it is healthy", platform.healthy)
        assert platform.pid("supervisor") == process.pid
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "postgres up" in err
    assert platform.processes() == []


def test_two_ups_at_once_start_one_supervisor(new: New) -> None:
    platform = new()
    both = [platform.popen("up", "-o", "json") for _ in range(2)]
    pids = set()
    for process in both:
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        pids.add(json.loads(out)["pid"])
    assert len(pids) == 1
    assert len(adopt.find(("rtp.runtime.supervisor", str(platform.home)))) == 1


def test_two_instances_run_side_by_side(new: New) -> None:
    first, second = new("first"), new("second")
    one, two = first.json("up"), second.json("up")
    assert one["url"] != two["url"]
    assert one["socket"] != two["socket"]
    first.rtp("down")
    assert first.processes() == []
    assert second.healthy()


def test_a_home_of_150_characters_works(new: New) -> None:
    platform = new("x" * 150)
    assert len(platform.json("up")["socket"]) < 108
    assert platform.rtp("whoami").returncode == 0


def test_down_without_an_instance_says_that_nothing_ran(new: New) -> None:
    assert "Nothing was running" in new().rtp("down").stderr


def test_everything_of_an_instance_is_private(shared: Platform) -> None:
    private = [path for path in shared.home.rglob("*") if not path.is_symlink()]
    assert len(private) > 10
    too_open = [path for path in [shared.home, *private] if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert too_open == []
    sockets = Path(shared.status()["socket"]).parent
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert all(not stat.S_IMODE(path.stat().st_mode) & 0o077 for path in sockets.iterdir())


def test_no_secret_is_on_a_command_line_or_in_a_log(shared: Platform) -> None:
    instance = Instance(Settings(home=str(shared.home)))
    secrets = instance.secrets()
    hidden = [secrets.owner_password, secrets.app_password, secrets.signing_key, instance.token()]
    lines = [" ".join(adopt.command(pid)) for pid in shared.processes()]
    texts = [path.read_text() for path in instance.logs.iterdir()]
    assert lines
    assert [secret for secret in hidden for text in [*lines, *texts] if secret in text] == []


def test_the_loopback_wants_a_token_and_the_socket_does_not(shared: Platform) -> None:
    status = shared.status()
    assert probe.http_status(Path(status["socket"]), "/v1/whoami") == 200
    assert probe.http_status(status["url"], "/v1/whoami") == 401
    token = Instance(Settings(home=str(shared.home))).token()
    remote = Platform(shared.home, env={"RTP_URL": status["url"], "RTP_TOKEN": token})
    assert remote.json("whoami")["principal"]["role"] == "owner"


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


def test_the_application_role_is_no_superuser_and_cannot_create_tables(shared: Platform) -> None:
    with psycopg.connect(database_url(shared, "rtp_app")) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert row.fetchone() == (False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")


def test_nobody_enters_the_database_without_a_password(shared: Platform) -> None:
    sockets = Path(shared.status()["socket"]).parent
    for role in ("postgres", "rtp_owner", "rtp_app"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host=str(sockets), user=role, dbname="rtp", password="")


def test_an_older_schema_is_left_alone_and_the_way_on_is_named(platform: Platform) -> None:
    move_schema(platform, "0001")
    platform.rtp("down")
    done = platform.rtp("up", "-o", "json", expect=10)
    assert json.loads(done.stdout)["schema"] == "behind"
    assert "rtp db migrate" in done.stderr
    assert schema(platform) == "0001"


def test_a_newer_schema_is_refused_and_everything_is_stopped(platform: Platform) -> None:
    move_schema(platform, "9999")
    platform.rtp("down")
    error = platform.failure("up", expect=6)
    assert error["code"] == "database_too_new"
    assert "9999" in error["message"]
    assert platform.processes() == []


def test_a_service_that_does_not_answer_is_degraded_until_it_does(platform: Platform) -> None:
    os.kill(platform.pid("valkey"), signal.SIGSTOP)
    try:
        eventually("status exits 10", lambda: platform.rtp("status", expect=None).returncode == 10)
    finally:
        os.kill(platform.pid("valkey"), signal.SIGCONT)
    eventually("all is well again", platform.healthy)


def database_url(platform: Platform, role: str) -> str:
    secrets = Instance(Settings(home=str(platform.home))).secrets()
    password = secrets.owner_password if role == "rtp_owner" else secrets.app_password
    return f"postgresql://{role}:{password}@/rtp?host={Path(platform.status()['socket']).parent}"


def schema(platform: Platform) -> str:
    with psycopg.connect(database_url(platform, "rtp_owner")) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row
        return str(row[0])


def move_schema(platform: Platform, version: str) -> None:
    with psycopg.connect(database_url(platform, "rtp_owner")) as connection:
        connection.execute(sql.SQL("UPDATE alembic_version SET version_num = {}").format(version))
