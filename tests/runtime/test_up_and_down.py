"""`rtp up`, `status` and `down` for real, as everybody who may have to run them."""

from __future__ import annotations

import signal

import pytest

from rtp.testing.waiting import eventually
from tests.runtime.conftest import New
from tests.runtime.instances import Way, ways

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


def test_an_interrupted_up_says_that_the_platform_goes_on_starting(new: New) -> None:
    platform = new()
    with platform.popen("up") as process:
        eventually("its supervisor has begun", (platform.home / "run" / "state.json").exists)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, "goes on without you" in err) == (130, True), err
    eventually("it is healthy all the same", platform.healthy)


def test_down_without_an_instance_says_that_nothing_ran(new: New) -> None:
    assert "Nothing was running" in new().rtp("down").stderr
