"""Instances beside each other, and what one that runs already says."""

from __future__ import annotations

import json
import os
import signal

from rtp.runtime import adopt
from rtp.testing.waiting import eventually
from tests.runtime.conftest import New
from tests.runtime.instances import Platform


def test_up_on_a_running_instance_says_so_and_starts_nothing(shared: Platform) -> None:
    before = {row["name"]: row["pid"] for row in shared.status()["services"]}
    done = shared.rtp("up")
    assert "running already" in done.stderr
    assert {row["name"]: row["pid"] for row in shared.status()["services"]} == before
    assert adopt.find(("rtp.runtime.supervisor", str(shared.home))) == [before["supervisor"]]


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


def test_a_service_that_does_not_answer_is_degraded_until_it_does(shared: Platform) -> None:
    os.kill(shared.pid("valkey"), signal.SIGSTOP)
    try:
        eventually("status exits 10", lambda: shared.rtp("status", expect=None).returncode == 10)
    finally:
        os.kill(shared.pid("valkey"), signal.SIGCONT)
    eventually("all is well again", shared.healthy)


def test_a_worker_of_which_nothing_is_heard_is_degraded_although_its_process_lives(shared: Platform) -> None:
    os.kill(shared.pid("worker"), signal.SIGSTOP)
    try:
        eventually("status exits 10", lambda: shared.rtp("status", expect=None).returncode == 10)
        [worker] = [row for row in shared.status()["services"] if row["name"] == "worker"]
        assert worker["state"] == "degraded"
        assert worker["pid"] == shared.pid("worker")
        assert worker["detail"].startswith("silent since 20")
    finally:
        os.kill(shared.pid("worker"), signal.SIGCONT)
    eventually("all is well again", shared.healthy)


def test_logs_of_an_unknown_service_name_the_known_ones(shared: Platform) -> None:
    error = shared.failure("logs", "mysql", expect=5)
    assert "postgres" in error["message"]
