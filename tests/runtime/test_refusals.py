"""What cannot be started is refused in the domain's words, with the exit code and the way out, and nothing stays."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path

import pytest

from rtp.runtime import pg_binaries
from tests.runtime.conftest import New
from tests.runtime.instances import Platform, Way, ways


def test_a_port_in_use_is_named(new: New) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        platform = new(RTP_PORT=str(port))
        error = platform.failure("up", expect=6)
    assert error["code"] == "port_taken"
    assert str(port) in error["message"]
    assert platform.processes() == []


@pytest.mark.prove("kills")
def test_a_port_that_was_taken_meanwhile_is_replaced(new: New) -> None:
    platform = new()
    url = platform.json("up")["url"]
    platform.rtp("down")
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(url.rpartition(":")[2])))
        other.listen()
        assert platform.json("up")["url"] != url


@pytest.mark.parametrize("way", [way for way in ways() if way.uid != 0], ids=lambda way: way.name.replace(" ", "-"))
def test_a_home_that_cannot_be_written_is_refused(new: New, way: Way) -> None:
    platform = new(way=way)
    platform.home = Path("/etc/rtp-home")
    error = platform.failure("up", expect=4)
    assert error["code"] == "home_not_writable"
    assert "/etc/rtp-home" in error["message"]
    assert not platform.home.exists()


def test_a_full_disk_is_said_before_anything_is_written(new: New) -> None:
    platform = new()
    platform.home.mkdir(0o700)
    script = 'mount -t tmpfs -o size=40m none "$1" && shift && exec "$@"'
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(platform.home))
    small = Platform(platform.home, Way("on a small disk", prefix))
    error = small.failure("up", expect=1)
    assert error["code"] == "disk_full"
    assert "40 MB" in error["message"] or "41 MB" in error["message"]
    assert platform.processes() == []


def test_missing_programs_are_named_with_the_way_out(new: New) -> None:
    error = new(RTP_PG_BIN="/nonexistent").failure("up", expect=1)
    assert error["code"] == "binary_missing"
    assert "/nonexistent" in error["message"]
    assert "RTP_PG_BIN" in error["hint"]


def test_data_of_another_major_version_is_refused_and_untouched(new: New) -> None:
    platform = new()
    platform.rtp("up")
    platform.rtp("down")
    version = platform.home / "data" / "postgres" / "PG_VERSION"
    version.write_text("16\n")
    error = platform.failure("up", expect=6)
    assert error["code"] == "other_major_version"
    assert "PostgreSQL 16" in error["message"]
    assert version.read_text() == "16\n"


@pytest.mark.prove("kills")
def test_other_programs_of_the_same_major_version_are_taken(new: New) -> None:
    platform = new()
    platform.rtp("up")
    platform.rtp("down")
    bin_folder = pg_binaries.wheel_folder()
    own = platform.home.parent / "postgresql"
    shutil.copytree(bin_folder.parent, own / bin_folder.parent.name, symlinks=True)
    libs = bin_folder.parent.parent.with_name(f"{bin_folder.parent.parent.name}.libs")
    shutil.copytree(libs, platform.home.parent / libs.name)
    other = Platform(platform.home, env={"RTP_PG_BIN": str(own / "pginstall" / "bin")})
    assert other.json("up")["state"] == "healthy"
    assert str(own) in (platform.home / "instance.json").read_text()


def test_a_damaged_instance_file_is_not_overwritten(new: New) -> None:
    platform = new()
    platform.home.mkdir(0o700)
    (platform.home / "instance.json").write_text("{broken")
    assert platform.failure("up", expect=1)["code"] == "instance_damaged"
    assert (platform.home / "instance.json").read_text() == "{broken"


def test_a_socket_folder_of_somebody_else_is_refused(new: New) -> None:
    platform = new()
    from rtp.runtime.instance import socket_folder

    folder = socket_folder(platform.home)
    folder.mkdir(0o755)
    folder.chmod(0o777)
    try:
        assert platform.failure("up", expect=4)["code"] == "folder_not_private"
    finally:
        folder.rmdir()


def test_root_without_any_way_is_told_so(new: New) -> None:
    refused = "import os, sys; from tests.runtime.instances import forbid_namespaces as forbid; forbid(); "
    run = refused + "os.execvp(sys.argv[1], sys.argv[1:])"
    alone = ("unshare", "--user", "--map-root-user", sys.executable, "-c", run)  # no other account exists in there
    error = new(way=Way("root without anything", alone)).failure("up", expect=4)
    assert error["code"] == "root_cannot_run_postgres"
    assert "RTP_DATABASE_URL" in error["hint"]


def test_a_command_without_ephemeral_is_a_usage_mistake(new: New) -> None:
    platform = new()
    assert platform.rtp("up", "--", "true", expect=2).stdout == ""
    assert platform.rtp("up", "--ephemeral", expect=2).stdout == ""
    assert not platform.home.exists()


def test_a_program_that_does_not_exist_starts_no_instance(new: New) -> None:
    assert new().failure("up", "--ephemeral", "--", "no-such-program", expect=2)["code"] == "program_missing"
