"""What an instance keeps is private: files, sockets, secrets, roles of the database."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
import pytest

from rtp.runtime import adopt, probe
from rtp.runtime.instance import Instance
from rtp.settings import Settings
from tests.runtime.instances import Platform, database_url


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
