"""A real platform whose provider fails for a while: the breaker opens, refunds wait, and each settles once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtp.testing.instance import RunningInstance, running
from rtp.testing.kills import kill
from rtp.testing.waiting import eventually
from tests.refunds.test_kills import paid, provider_refunds

NAME = "provider:sandbox"
AMOUNTS = (100, 200, 300, 400, 500, 600)


def issue(platform: RunningInstance, payment: str, minor: int) -> str:
    amount = f"{minor // 100}.{minor % 100:02}"
    done = platform(
        "refunds", "issue", payment, "--amount", amount, "--reason", "duplicate", "--no-wait", "--yes", "-o", "json"
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["id"])


def circuits(platform: RunningInstance) -> set[str]:
    return {one["circuit"] for one in platform.json("breakers", "list")}


def told(platform: RunningInstance) -> dict[str, int]:
    """How often each move of a breaker was told."""
    found = [one["type"] for one in platform.json("events", "list", "--limit", "500")]
    return {name: found.count(f"breaker.{name}") for name in ("opened", "half_open", "closed")}


def nothing(platform: RunningInstance) -> None:
    """The outage is left alone."""


def kill_the_worker(platform: RunningInstance) -> None:
    """The process whose breaker is open dies, and the next one begins with a closed one."""
    kill(platform, "worker")


def settled(platform: RunningInstance) -> Any:
    states = [one["state"] for one in platform.json("refunds", "list")]
    assert not {"failed", "canceled"} & set(states), states
    return set(states) == {"succeeded"}


@pytest.mark.prove("kills")
@pytest.mark.parametrize(
    "fails, meanwhile",
    [
        pytest.param(("--fail-rate", "100%"), nothing, id="it-fails", marks=pytest.mark.prove("kills", sample=True)),
        pytest.param(("--down",), kill_the_worker, id="it-is-down-and-the-worker-dies"),
        pytest.param(("--lost-answer-rate", "100%"), nothing, id="it-acts-and-never-answers"),
    ],
)
def test_refunds_of_an_outage_wait_behind_the_breaker_and_settle_once_when_it_is_over(
    tmp_path: Path, fails: tuple[str, ...], meanwhile: Callable[[RunningInstance], None]
) -> None:
    with running(tmp_path, RTP_PROVIDER_TIMEOUT="1") as platform:
        payment = paid(platform)
        assert circuits(platform) == {"closed"}
        assert platform("sandbox", "set", *fails).returncode == 0
        issued = {issue(platform, payment, amount): amount for amount in AMOUNTS}
        eventually("the breaker is told to be open", lambda: "open" in circuits(platform))
        assert platform.json("breakers", "show", NAME)["circuit"] == "open"
        assert "breakers" in platform("doctor").stdout
        meanwhile(platform)
        assert platform("sandbox", "reset").returncode == 0
        eventually("all refunds are settled", lambda: settled(platform))
        eventually("the breaker is not open any more", lambda: "open" not in circuits(platform))
        issued[issue(platform, payment, 700)] = 700  # where webhooks settled all, nothing was asked since
        eventually("one more is settled", lambda: settled(platform))
        eventually("the breaker is told to be closed", lambda: circuits(platform) == {"closed"})
        assert {one.key: one.amount.amount for one in provider_refunds(platform)} == issued
        assert platform.json("ledger", "check")["state"] == "held"
        assert platform.json("jobs", "list", "--state", "dead") == []
        assert told(platform)["opened"] >= 1


@pytest.mark.prove("kills")
def test_an_operator_who_knows_that_the_provider_is_back_need_not_wait(tmp_path: Path) -> None:
    with running(tmp_path) as platform:
        payment = paid(platform)
        assert platform("sandbox", "set", "--down").returncode == 0
        refused = platform("breakers", "reset", NAME, "--yes", "-o", "json")
        assert refused.returncode == 7, refused.stderr
        first = issue(platform, payment, 100)
        eventually("the breaker is open", lambda: issue_until_open(platform, payment))
        assert platform("sandbox", "reset").returncode == 0
        done = platform("breakers", "reset", NAME, "--yes", "--reason", "it is back", "-o", "json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["circuit"] == "closed"
        eventually("the refund is settled", lambda: platform.json("refunds", "show", first)["state"] == "succeeded")


def issue_until_open(platform: RunningInstance, payment: str) -> bool:
    """One more refund of another amount, while that is needed; whether the breaker is open."""
    if circuits(platform) == {"open"}:
        return True
    issue(platform, payment, 100 + len(platform.json("refunds", "list")))
    return False
