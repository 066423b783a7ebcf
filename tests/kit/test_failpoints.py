"""Failpoints: which there are, and how they end or stop a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rtp.kit import failpoints

ROOT = Path(__file__).parents[2]
REACHING = "from rtp.kit import failpoints; failpoints.arm({!r}); [failpoints.reach('job.after_commit') for _ in '123']"


def reaching(spec: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", REACHING.format(spec)])


def test_every_name_is_a_place_in_the_code_and_every_place_has_a_name() -> None:
    code = [path.read_text() for folder in ("src", "server") for path in (ROOT / folder).rglob("*.py")]
    places = {name for text in code for name in re.findall(r'failpoints\.reach\("([^"]+)"\)', text)}
    assert places == failpoints.NAMES


@pytest.mark.parametrize("spec,code", [("job.after_commit:3", -signal.SIGKILL), ("job.after_commit:4", 0), ("", 0)])
def test_a_process_ends_as_if_killed_the_nth_time_it_comes_by(spec: str, code: int) -> None:
    with reaching(spec) as process:
        assert process.wait() == code


def test_a_process_sleeps_where_it_is_told_to_and_goes_on_when_woken() -> None:
    with reaching("job.after_commit:2:stop") as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        assert process.wait() == 0


@pytest.mark.parametrize(
    "spec,why",
    [
        ("no.such_place", "no failpoint"),
        ("job.after_commit:1:sleep", "by 'sleep'"),
        ("job.after_commit:often", "invalid literal"),
    ],
)
def test_what_is_no_place_number_or_end_is_refused(spec: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        failpoints.arm(spec)
