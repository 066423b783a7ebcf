"""`rtp up --ephemeral -- CMD`: the command's own exit code, and nothing left, whatever ends it."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import pytest

from rtp.runtime import adopt
from rtp.runtime.ephemeral import PREFIX
from rtp.testing.waiting import eventually
from tests.runtime.conftest import New
from tests.runtime.instances import Platform

pytestmark = pytest.mark.prove("kills")
"""Each of these starts whole platforms; the plain run has those of test_up_and_down."""

LONG = "86399"
"""Seconds, and how this command is told from everybody else's sleep."""
TELL = 'echo "$RTP_HOME $RTP_URL"; '


@pytest.fixture
def outer(new: New) -> Platform:
    """Who runs the command; its own instance is never started."""
    return new()


def leftovers(home: str) -> list[object]:
    found: list[object] = [pid for pid in adopt.pids() if home in " ".join(adopt.command(pid)) and adopt.alive(pid)]
    return found + ([home] if Path(home).exists() else [])


def test_the_command_gets_the_instance_and_its_exit_code_is_returned(outer: Platform) -> None:
    script = TELL + "python3 -c \"import os; assert os.environ['RTP_TOKEN'].startswith('rtp_')\"; exit 7"
    done = outer.rtp("up", "--ephemeral", "--", "sh", "-c", script, expect=7)
    home, url = done.stdout.split()
    assert Path(home).name.startswith(PREFIX)
    assert url.startswith("http://127.0.0.1:")
    assert "==> postgres.log <==" in done.stderr
    assert leftovers(home) == []
    assert not outer.home.exists()


def test_a_command_that_succeeds_prints_no_logs(outer: Platform) -> None:
    done = outer.rtp("up", "--ephemeral", "--", "sh", "-c", TELL)
    assert "==>" not in done.stderr
    assert leftovers(done.stdout.split()[0]) == []


def test_a_command_killed_by_a_signal_gives_128_and_its_number(outer: Platform) -> None:
    outer.rtp("up", "--ephemeral", "--", "sh", "-c", "kill -KILL $$", expect=137)


def test_a_given_database_is_never_touched_by_a_throwaway_instance(new: New) -> None:
    outer = new(RTP_DATABASE_URL="postgresql://rtp@/rtp?host=/nowhere", RTP_URL="https://prod.example", RTP_TOKEN="x")
    script = 'test -z "$RTP_DATABASE_URL" && case $RTP_URL in http://127.0.0.1:*) exit 0;; esac; exit 1'
    outer.rtp("up", "--ephemeral", "--", "sh", "-c", script)


def test_another_instance_goes_on_untouched(platform: Platform, new: New) -> None:
    def services() -> dict[str, tuple[int, int]]:
        return {row["name"]: (row["pid"], row["restarts"]) for row in platform.status()["services"]}

    before = services()
    new("other").rtp("up", "--ephemeral", "--", "true")
    assert services() == before
    assert platform.healthy()


@pytest.mark.prove("kills")
@pytest.mark.parametrize("number,code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_run_leaves_nothing(outer: Platform, number: signal.Signals, code: int) -> None:
    leaves_nothing(outer, number, code)


def test_a_killed_run_leaves_nothing(outer: Platform) -> None:
    leaves_nothing(outer, signal.SIGKILL, -9)


def leaves_nothing(outer: Platform, number: signal.Signals, code: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "home"
        script = f'echo "$RTP_HOME" > {told}.new && mv {told}.new {told} && exec sleep {LONG}'
        with outer.popen("up", "--ephemeral", "--", "sh", "-c", script) as process:
            home = eventually("the command runs", lambda: told.exists() and told.read_text().strip())
            process.send_signal(number)
            if number is signal.SIGKILL:
                for pid in adopt.find(("sleep", LONG)):
                    adopt.end(pid, ((signal.SIGKILL, 5.0),))
            process.communicate(timeout=120)
        assert process.returncode == code
        eventually("nothing is left", lambda: not leftovers(home))
