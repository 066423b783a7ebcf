"""Load tests as they are run: real locust, a real platform, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from rtp.kit.data_files import SHIPPED, shipped_root
from rtp.testing.instance import RTP, RunningInstance

FOLDER = shipped_root() / SHIPPED["loadtests"]
PROFILE = (
    "duration: {seconds}s\nusers: 2\nspawn_rate: 2\nlocustfile: {file}\nthresholds:\n  total:\n    - {threshold}\n"
)
IDLE = """
from locust import User, constant, task

class Idle(User):
    wait_time = constant(9)

    @task
    def wait(self):
        pass
"""


def profile(folder: Path, threshold: str, *, file: str = str(FOLDER / "member.py"), seconds: int = 2) -> str:
    path = folder / "short.yaml"
    path.write_text(PROFILE.format(seconds=seconds, file=file, threshold=threshold))
    return str(path)


def ran(instance: RunningInstance, *words: str) -> tuple[int, Any, str]:
    done = instance("load", "run", *words, "-o", "json")
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def active_tokens(instance: RunningInstance) -> list[str]:
    return [one["name"] for one in instance.json("tokens", "list", "--all") if one["status"] == "active"]


def test_a_run_is_measured_judged_reported_and_remembered(instance: RunningInstance, tmp_path: Path) -> None:
    instance("users", "create", "loaded@example.com", "--name", "Loaded")
    report = tmp_path / "load.html"
    wanted = profile(tmp_path, "requests < 1")
    code, run, said = ran(instance, wanted, "--report", f"html:{report}", "--reason", "capacity")
    assert code == 10, said
    assert run["verdict"] == "missed"
    assert run["requests"] > 0
    assert run["failures"] == 0
    assert {one["name"] for one in run["stats"]} >= {"total", "GET /v1/products", "GET /v1/users"}
    assert any("coordinated omission" in note for note in run["notes"])
    assert run["thresholds"][0]["outcome"] == "missed"
    assert run["id"] in report.read_text()
    assert instance.json("load", "show", run["id"]) == run
    assert run["id"] in [one["id"] for one in instance.json("load", "history")]
    kept = instance.home / "reports" / "load" / run["id"]
    assert json.loads((kept / "run.json").read_text())["id"] == run["id"]
    assert not [name for name in active_tokens(instance) if run["id"] in name]
    audit = instance.json("audit", "list", "--limit", "10")
    assert ["loadtests.finish", "capacity"] in [[one["operation"], one["reason"]] for one in audit]


def test_a_dry_run_shows_what_would_be_run_and_sends_nothing(instance: RunningInstance) -> None:
    before = instance.json("audit", "list")[0]["id"] if instance.json("audit", "list") else ""
    plan = instance.json("load", "run", "support", "--dry-run", "--users", "2", "--duration", "1m")
    assert (plan["role"], plan["users"], plan["seconds"]) == ("support", 2, 60)
    assert plan["target"] == instance.url
    after = instance.json("audit", "list")
    assert (after[0]["id"] if after else "") == before


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["nothing"], 5, "Known are"),
        (["member", "--duration", "11m"], 2, "not between"),
        (["member", "--users", "501"], 2, "501"),
        (["member", "--users", "500", "--duration", "10s"], 2, "are not there within"),
        (["member", "--report", "pdf:x"], 2, "html"),
        (["member", "--plan", "plan_01M82JBJ04FCP9T6B4JW1RNYHP"], 2, "no stored plan"),
    ],
)
def test_what_could_not_be_run_is_refused_before_anything_is_sent(
    instance: RunningInstance, words: list[str], code: int, message: str
) -> None:
    done = instance("load", "run", *words)
    assert done.returncode == code
    assert message in done.stderr
    assert done.stdout == ""


def test_another_machine_is_a_target_only_when_it_is_meant(instance: RunningInstance) -> None:
    done = instance("load", "run", "member", env={"RTP_URL": "https://rtp.example.com", "RTP_TOKEN": "rtp_x"})
    assert done.returncode == 2
    assert "--allow-remote" in done.stderr


@pytest.mark.prove("experiments", sample=True)
def test_a_run_that_keeps_its_thresholds_ends_with_0(instance: RunningInstance, tmp_path: Path) -> None:
    code, run, said = ran(instance, profile(tmp_path, "error_ratio < 0.1 %", seconds=5))
    assert (code, run["verdict"]) == (0, "held"), said


@pytest.mark.prove("experiments")
def test_support_issues_real_refunds_and_the_books_hold(instance: RunningInstance) -> None:
    catalog = str(shipped_root() / "examples" / "catalog.yaml")
    assert instance("catalog", "apply", catalog, "--yes").returncode == 0
    for number in range(3):
        email = f"load{number}@example.com"
        instance("users", "create", email, "--name", f"Load {number}")
        made = instance(
            "subscriptions", "create", email, "--price", "alerts-only-monthly", "--card", "visa", "--yes", "--wait"
        )
        assert made.returncode == 0, made.stderr
    deadline = time.monotonic() + 30
    while len(instance.json("payments", "list", "--state", "succeeded")) < 3:
        assert time.monotonic() < deadline, "the payments did not settle"
        time.sleep(0.2)
    code, run, said = ran(instance, "support", "--duration", "6s")
    refunds = [one for one in run["stats"] if one["name"].startswith("POST")]
    assert refunds, said
    assert run["failures"] == 0
    assert code in (0, 10)
    issued = instance.json("refunds", "list", "--all")
    assert len(issued) == refunds[0]["requests"]
    assert all(one["reason"] == "load test" for one in issued)
    assert instance("ledger", "check").returncode == 0


@pytest.mark.prove("experiments")
def test_ctrl_c_keeps_what_was_measured_and_ends_locust(instance: RunningInstance, tmp_path: Path) -> None:
    words = [RTP, "load", "run", profile(tmp_path, "requests > 1", seconds=120), "-o", "json"]
    child = subprocess.Popen(
        words, env=instance.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with child:
        assert child.stderr is not None
        found = re.search(r"run_\w+", child.stderr.readline())
        assert found is not None
        folder = instance.home / "reports" / "load" / found[0]
        deadline = time.monotonic() + 60
        while "All users spawned" not in _text(folder / "locust.log"):
            assert time.monotonic() < deadline, "locust did not start"
            time.sleep(0.1)
        time.sleep(2)
        os.kill(child.pid, signal.SIGINT)
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    run = json.loads(out)
    assert (run["verdict"], run["id"]) == ("interrupted", found[0])
    assert run["requests"] > 0
    assert subprocess.run(["pgrep", "-f", str(folder)], stdout=subprocess.PIPE).stdout == b""
    assert not [name for name in active_tokens(instance) if run["id"] in name]


@pytest.mark.prove("experiments")
@pytest.mark.parametrize(
    "source, code, verdict",
    [(IDLE, 11, "no data"), ("this is not python\n", 1, None)],
    ids=["no requests", "broken locustfile"],
)
def test_what_measured_nothing_is_never_green(
    instance: RunningInstance, tmp_path: Path, source: str, code: int, verdict: str | None
) -> None:
    (tmp_path / "mine.py").write_text(source)
    found, run, said = ran(instance, profile(tmp_path, "error_ratio < 1 %", file="mine.py"))
    assert found == code, said
    assert (run["verdict"] if run else None) == verdict
    assert instance.json("load", "history")[0]["verdict"] in ("no data", "crashed")
    assert not [name for name in active_tokens(instance) if name.startswith("load test")]


@pytest.mark.prove("experiments")
@pytest.mark.parametrize("name", ["member", "support"])
def test_plain_locust_takes_the_shipped_files(instance: RunningInstance, tmp_path: Path, name: str) -> None:
    locust = str(Path(RTP).parent / "locust")
    flags = ["--headless", "-u", "1", "-r", "1", "-t", "3s", "--only-summary", "--json-file", str(tmp_path / "out")]
    done = subprocess.run(
        [locust, "-f", str(FOLDER / f"{name}.py"), *flags],
        env=instance.environment(RTP_URL=instance.url, RTP_TOKEN=instance.token),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    entries = json.loads((tmp_path / "out.json").read_text())
    assert sum(entry["num_requests"] for entry in entries) > 0
    assert sum(entry["num_failures"] for entry in entries) == 0


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
