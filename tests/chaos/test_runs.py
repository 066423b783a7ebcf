"""`rtp chaos run` on a real instance: each verdict with its exit code, and the rollbacks on every way out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rtp.testing.instance import RTP, RunningInstance
from tests.chaos import experiments
from tests.chaos.experiments import ASKS_NOBODY, RAISES, SLOW, action, begin, control, experiment, probe, until

HOLD = action("hold", seconds=60)


def run(instance: RunningInstance, path: str, *flags: str) -> tuple[int, dict[str, Any], str]:
    done = instance("chaos", "run", path, "-o", "json", *flags)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def test_a_run_that_held_is_0_verified_and_in_the_history_and_the_audit(
    instance: RunningInstance, tmp_path: Path
) -> None:
    report = tmp_path / "r.html"
    code, found, said = run(instance, experiment(tmp_path), "--reason", "game day", "--report", f"html:{report}")
    assert (code, found["verdict"], found["rollbacks"]) == (0, "held", "verified"), said
    assert control(instance)
    assert instance.json("chaos", "show", found["id"]) == found
    assert instance.json("chaos", "history", "--limit", "1") == [found]
    rows = instance.json("audit", "list", "--target", found["id"])
    assert [(row["operation"], row["reason"]) for row in rows] == [("chaos.record", "game day")]
    assert "set_provider" in report.read_text()


def test_a_hypothesis_that_is_false_at_the_start_is_11_and_nothing_is_broken(
    instance: RunningInstance, tmp_path: Path
) -> None:
    path = experiment(tmp_path, asks=[probe("api_ready", tolerance=False)])
    code, found, said = run(instance, path)
    assert (code, found["verdict"], found["rollbacks"]) == (11, "not steady", "not needed"), said
    assert "api_ready" in found["reasons"][0]
    assert not (experiments.folder(instance) / "undo.ndjson").read_text().count("misbehave")


@pytest.mark.prove("experiments", sample=True)
def test_a_hypothesis_that_is_missed_afterwards_is_10_and_the_rollbacks_mend_it(
    instance: RunningInstance, tmp_path: Path
) -> None:
    code, found, said = run(instance, experiment(tmp_path, asks=[probe("provider_behaves")]))
    assert (code, found["verdict"], found["rollbacks"]) == (10, "deviated", "verified"), said
    assert "provider_behaves was out of tolerance" in found["reasons"][0]


@pytest.mark.prove("experiments")
def test_an_activity_that_raises_is_10_with_its_reason(instance: RunningInstance, tmp_path: Path) -> None:
    code, found, _ = run(instance, experiment(tmp_path, method=[SLOW, ASKS_NOBODY]))
    assert (code, found["rollbacks"]) == (10, "verified")
    assert "no running process of nobody" in found["reasons"][0]


@pytest.mark.prove("experiments", sample=True)
def test_a_rollback_that_raises_is_12_and_what_is_open_is_undone_all_the_same(
    instance: RunningInstance, tmp_path: Path
) -> None:
    code, found, _ = run(instance, experiment(tmp_path, rollbacks=[RAISES]))
    assert (code, found["verdict"], found["rollbacks"]) == (12, "rollback failed", "failed")
    assert control(instance)


@pytest.mark.prove("experiments")
def test_an_experiment_without_rollbacks_is_undone_by_the_inverse_of_its_actions(
    instance: RunningInstance, tmp_path: Path
) -> None:
    code, found, _ = run(instance, experiment(tmp_path, rollbacks=[]))
    assert (code, found["rollbacks"]) == (0, "verified")
    assert control(instance)


@pytest.mark.prove("experiments")
def test_a_method_that_takes_longer_than_it_may_is_ended_and_10(instance: RunningInstance, tmp_path: Path) -> None:
    code, found, _ = run(instance, experiment(tmp_path, method=[SLOW, HOLD], seconds=1.5))
    assert (code, found["rollbacks"]) == (10, "verified")
    assert control(instance)


@pytest.mark.parametrize(
    "number,code",
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.prove("experiments"))],
)
def test_a_signal_ends_the_method_and_the_rollbacks_run(
    instance: RunningInstance, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = begin(instance, experiment(tmp_path, method=[SLOW, HOLD]))
    assert not control(instance)
    process.send_signal(number)
    stdout, said = process.communicate()
    assert process.returncode == code, said
    found = json.loads(stdout)
    assert (found["verdict"], found["rollbacks"]) == ("interrupted", "verified")
    assert control(instance)


@pytest.mark.prove("experiments")
def test_a_signal_whose_rollbacks_fail_is_12(instance: RunningInstance, tmp_path: Path) -> None:
    process = begin(instance, experiment(tmp_path, method=[SLOW, HOLD], rollbacks=[RAISES]))
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 12


@pytest.mark.prove("experiments")
def test_halting_ends_the_run_of_another_terminal_and_a_second_run_is_refused_meanwhile(
    instance: RunningInstance, tmp_path: Path
) -> None:
    path = experiment(tmp_path, method=[SLOW, HOLD])
    process = begin(instance, path)
    code, _, said = run(instance, path)
    assert code == 6
    assert str(process.pid) in said
    halted = instance("chaos", "halt", "-o", "json")
    assert halted.returncode == 0, halted.stderr
    assert json.loads(halted.stdout)["rollbacks"] == "verified"
    process.communicate()
    assert process.returncode == 143
    assert control(instance)
    assert instance("chaos", "halt").returncode == 5


@pytest.mark.prove("experiments", sample=True)
def test_a_killed_controller_leaves_nothing_broken_and_halt_gives_the_verdict(
    instance: RunningInstance, tmp_path: Path
) -> None:
    process = begin(instance, experiment(tmp_path, method=[SLOW, HOLD]))
    process.kill()
    process.communicate()
    until(lambda: control(instance))
    halted = instance("chaos", "halt", "-o", "json")
    assert halted.returncode == 0, halted.stderr
    found = json.loads(halted.stdout)
    assert (found["verdict"], found["rollbacks"]) == ("interrupted", "verified")


@pytest.mark.prove("experiments")
def test_what_a_killed_child_left_is_mended_by_its_controller(instance: RunningInstance, tmp_path: Path) -> None:
    marker = tmp_path / "rolled-back"
    provider = {"type": "process", "path": "touch", "arguments": str(marker)}
    rollback = {"type": "action", "name": "of another make", "provider": provider}
    process = begin(instance, experiment(tmp_path, method=[SLOW, HOLD], rollbacks=[rollback]))
    os.kill(experiments.child_of(instance), signal.SIGKILL)
    stdout, said = process.communicate()
    assert process.returncode == 11, said
    found = json.loads(stdout)
    assert (found["verdict"], found["rollbacks"]) == ("not judged", "verified")
    assert control(instance)
    assert marker.exists()


@pytest.mark.prove("experiments")
def test_a_signal_before_the_method_has_begun_breaks_nothing(instance: RunningInstance, tmp_path: Path) -> None:
    before = experiments.runs(instance)
    words = [RTP, "chaos", "run", experiment(tmp_path, method=[SLOW, HOLD])]
    with subprocess.Popen(words, env=instance.environment(), stdout=subprocess.PIPE, text=True) as process:
        until(lambda: experiments.runs(instance) - before)
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    assert control(instance)
    assert instance("chaos", "halt").returncode == 5


def test_a_dry_run_names_the_processes_and_touches_nothing(instance: RunningInstance) -> None:
    before = experiments.runs(instance)
    plan = instance.json("chaos", "run", "worker-killed", "--dry-run")
    pids = {row["name"]: row["pid"] for row in instance.json("status")["services"]}
    assert [row["pid"] for row in plan["targets"] if row["action"] == "kill_service"] == [pids["worker"]]
    assert plan["rollbacks"] == ["let the provider behave", "the worker is back"]
    assert experiments.runs(instance) == before
    assert {row["name"]: row["pid"] for row in instance.json("status")["services"]} == pids


@pytest.mark.prove("experiments")
def test_what_is_no_experiment_is_2_and_leaves_no_run(instance: RunningInstance, tmp_path: Path) -> None:
    before = experiments.runs(instance)
    broken = tmp_path / "broken.json"
    for content in ("{", "[]", '{"title": "no hypothesis", "description": "x", "method": []}'):
        broken.write_text(content)
        assert instance("chaos", "run", str(broken)).returncode == 2
        assert instance("chaos", "validate", str(broken)).returncode == 2
    nobody = experiment(tmp_path, method=[RAISES])
    assert instance("chaos", "run", nobody).returncode == 6
    wrong = experiment(tmp_path, method=[action("no_such_action")])
    assert instance("chaos", "run", wrong).returncode == 2
    assert instance("chaos", "run", "no-such-experiment").returncode == 5
    assert experiments.runs(instance) == before


@pytest.mark.prove("experiments")
def test_every_shipped_experiment_is_valid_and_says_where_it_comes_from(instance: RunningInstance) -> None:
    found = {one["name"]: one for one in instance.json("chaos", "validate")}
    assert {"worker-killed", "valkey-gone", "provider-slow"} <= found.keys()
    assert {one["problems"] == [] for one in found.values()} == {True}


@pytest.mark.prove("experiments")
def test_a_support_token_and_another_server_may_not_break_this_instance(
    instance: RunningInstance, tmp_path: Path
) -> None:
    token = instance.json("tokens", "create", "--name", "chaos-support", "--role", "support")["token"]
    path = experiment(tmp_path)
    refused = instance("chaos", "run", path, env={"RTP_URL": instance.url, "RTP_TOKEN": token})
    assert refused.returncode == 4, refused.stderr
    elsewhere = instance("chaos", "run", path, env={"RTP_URL": "http://127.0.0.1:9", "RTP_TOKEN": token})
    assert elsewhere.returncode == 2, elsewhere.stderr
    assert "another one" in elsewhere.stderr
