"""What is interrupted, stopped or filled up under way: a clear end, nothing half written, and a way to go on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.testing.instance import HOLD, RTP, RunningInstance, clean_environment, running
from rtp.testing.kills import pid_of
from rtp.testing.waiting import eventually

MOUNTED = 'mount -t tmpfs -o size=400m none "$1" && shift && exec "$@"'
FULL = {"database_full", "unavailable", "outcome_unknown", "idempotency_in_progress"}
"""PostgreSQL refuses for want of room, or ends and comes back when it has none for its own log."""
EXPECTED_KILOBYTES = 60_000
"""How much more memory ten times the rows may take; the file itself is bigger than that."""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningInstance]:
    """An instance that the test may break."""
    with running(tmp_path) as started:
        yield started


def create(platform: RunningInstance, email: str) -> httpx.Response:
    return httpx.post(
        f"{platform.url}/v1/users",
        json={"email": email, "name": "A"},
        headers={"Authorization": f"Bearer {platform.token}"},
        timeout=30,
    )


def count(platform: RunningInstance, search: str) -> int:
    done = platform("users", "list", "--all", "--limit", "500", "--search", search, "-o", "ids")
    assert done.returncode == 0, done.stderr
    return len(done.stdout.split())


@pytest.mark.prove("kills")
def test_while_postgresql_is_stopped_everything_says_so_and_afterwards_goes_on(platform: RunningInstance) -> None:
    assert create(platform, "before@example.com").status_code == 201
    supervisor = pid_of(platform, "supervisor")
    os.kill(supervisor, signal.SIGSTOP)  # else it would be back at once
    try:
        os.kill(pid_of(platform, "postgres"), signal.SIGINT)
        eventually("it says that it is away", lambda: create(platform, "during@example.com").status_code == 503)
        answer = create(platform, "during@example.com")
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["retryable"]) == (503, "unavailable", True)
        asked = platform("users", "create", "during@example.com", "--name", "A", "-o", "json")
        assert (asked.returncode, asked.stdout) == (13, ""), asked.stderr
        listed = platform("users", "list")
        assert (listed.returncode, listed.stdout) == (13, ""), listed.stderr
        assert "Traceback" not in asked.stderr + listed.stderr
        assert httpx.get(f"{platform.url}/health/ready", timeout=30).status_code == 503
    finally:
        os.kill(supervisor, signal.SIGCONT)
    eventually("it goes on", lambda: create(platform, "after@example.com").status_code == 201)
    assert platform.json("users", "show", "before@example.com")["status"] == "active"
    assert platform("users", "show", "during@example.com").returncode == 5


@contextmanager
def on_a_small_disk(folder: Path) -> Iterator[tuple[RunningInstance, Path]]:
    """A platform whose folder is a tmpfs of its own, and that folder as it is seen from here."""
    disk = folder / "disk"
    disk.mkdir()
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNTED, "sh", str(disk)]
    said = folder / "up.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [*command, RTP, "up", "--ephemeral", "--", sys.executable, "-c", HOLD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env=clean_environment(folder) | {"TMPDIR": str(disk)},
        )  # fmt: skip
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, said.read_text()
        where = json.loads(line)
        seen = Path(f"/proc/{process.pid}/root{disk}")
        yield RunningInstance(Path(where["RTP_HOME"]), where["RTP_URL"], where["RTP_TOKEN"], folder), seen


@pytest.mark.prove("kills")
def test_on_a_full_disk_a_write_is_refused_whole_and_works_again_when_there_is_room(tmp_path: Path) -> None:
    with on_a_small_disk(tmp_path) as (platform, disk):
        over_tcp = {"RTP_URL": platform.url, "RTP_TOKEN": platform.token, "RTP_HOME": ""}
        assert create(platform, "before@example.com").status_code == 201
        file = members(tmp_path / "members.csv", 5_000)
        ballast = disk / "ballast"
        fill(ballast)
        codes = set()
        for number in range(6):  # what was set aside beforehand may still take a batch or two
            rows = members(tmp_path / f"more-{number}.csv", 5_000, name=f"full{number}")
            done = platform("users", "import", str(rows), "-o", "json", env=over_tcp)
            codes.add(done.returncode)
            assert "Traceback" not in done.stderr
            if done.returncode:
                error = next(line for line in done.stderr.splitlines() if line.startswith("{"))
                assert json.loads(error)["error"]["code"] in FULL, done.stderr
        assert codes <= {0, 13, 9, 6}, codes
        assert codes & {13, 9}, "the disk never was full"
        ballast.unlink()
        eventually("it goes on", lambda: create(platform, "after@example.com").status_code == 201)
        again = platform("users", "import", str(file), "-o", "json", env=over_tcp)
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["created"] == 5_000
        listed = platform("users", "list", "--all", "--limit", "500", "-o", "ndjson", "--fields", "email", env=over_tcp)
        taken = [json.loads(line)["email"] for line in listed.stdout.splitlines()]
        for number in range(6):  # a batch is there whole or not at all
            assert sum(email.startswith(f"full{number}-") for email in taken) in {0, 5_000}


def fill(ballast: Path) -> None:
    """Write until there is no room left."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1_000_000, 4_096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def members(path: Path, rows: int, *, name: str = "member", broken: int = 0) -> Path:
    """A CSV of so many members; every `broken`th has no e-mail that could be one."""
    with path.open("w", encoding="utf-8") as file:
        file.write("email,name,timezone\n")
        for number in range(1, rows + 1):
            bad = broken and number % broken == 0
            file.write(f"{'no e-mail' if bad else f'{name}-{number}@example.com'},Member {number},UTC\n")
    return path


@pytest.mark.prove("kills")
def test_what_an_interrupted_import_wrote_is_said_and_running_it_again_skips_it(
    platform: RunningInstance, tmp_path: Path
) -> None:
    rows = 40_000
    file = members(tmp_path / "members.csv", rows)
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [RTP, "users", "import", str(file)],
                env=platform.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        eventually("a member was imported", lambda: platform.json("users", "list", "--limit", "1"))
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), said
    stopped = next(line for line in said.splitlines() if line.startswith("Stopped after"))
    written = int(stopped.split()[2].replace(",", ""))
    assert 5_000 <= written < rows
    assert f"{written} created" in stopped
    command = shlex.split(next(line for line in said.splitlines() if line.startswith("Go on")).partition(": ")[2])
    again = platform.json(*command[1:])
    assert (again["rows"], again["refused"]) == (rows, 0)
    assert again["replayed"] * 5_000 >= written
    assert count(platform, "member-") == rows
    events = platform.json("users", "import", str(file))
    assert (events["created"], events["existing"]) == (0, rows)


@pytest.mark.prove("fuzz")
def test_a_csv_with_every_fifth_row_broken_takes_constant_memory(platform: RunningInstance, tmp_path: Path) -> None:
    few, many = (imported(platform, tmp_path, rows) for rows in (20_000, 200_000))
    assert many[1] - few[1] < EXPECTED_KILOBYTES
    assert many[0] | {"file": ""} == {
        "file": "", "rows": 200_000, "created": 160_000, "existing": 0, "refused": 40_000,
        "batches": many[0]["batches"], "replayed": 0, "dry_run": False,
    }  # fmt: skip


def imported(platform: RunningInstance, folder: Path, rows: int) -> tuple[dict[str, Any], int]:
    """The summary of an import with every fifth row broken, and the most memory the command took, in kilobytes."""
    file = members(folder / f"{rows}.csv", rows, name=f"of{rows}", broken=5)
    with (folder / "summary.json").open("w+") as out, (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            [RTP, "users", "import", str(file), "-o", "json"], env=platform.environment(), stdout=out, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 8
        out.seek(0)
        said.seek(0)
        assert sum(line.startswith("row ") for line in said) == rows // 5
        return json.load(out), usage.ru_maxrss
