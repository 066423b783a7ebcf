"""The demo ends as announced, and every figure of its day is what API, ledger and logs say."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtp.testing.instance import RTP, clean_environment

SEED = "11"
MEASURED_ONLY = {
    "seconds_to_healthy",
    "rows_per_second",
    "seconds_until_all_were_charged",
    "hit_rate_cold",
    "hit_rate_warm",
    "pages_without_an_answer",
}
"""What a clock or a counter of that moment said; nothing keeps it."""


class AfterTheDay:
    """The instance of a demo that has ended, started again."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.env = clean_environment(folder) | {"RTP_HOME": str(self.home)}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([RTP, *words], env=self.env, capture_output=True, text=True, timeout=600)

    def json(self, *words: str) -> Any:
        done = self.run(*words, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def log(self) -> list[dict[str, Any]]:
        lines = (self.home / "logs" / "api.log").read_text().splitlines()
        return [entry for entry in map(_object, lines) if entry.get("event") == "request"]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AfterTheDay, dict[str, Any]]]:
    after = AfterTheDay(tmp_path_factory.mktemp("demo"))
    done = after.run("demo", "--seed", SEED, "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    written = json.loads((after.home / "reports" / "day.json").read_text())
    assert after.run("up").returncode == 0
    yield after, written
    after.run("down")


def _object(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        return {}


@pytest.mark.prove("experiments")
def test_the_day_ended_as_announced_with_every_step(day: tuple[AfterTheDay, dict[str, Any]]) -> None:
    _, written = day
    assert written["as_announced"] is True
    assert len(written["steps"]) == 13
    for step in written["steps"]:
        assert all(code in wanted for code, wanted in zip(step["exits"], step["expected"], strict=True)), step


@pytest.mark.prove("experiments")
def test_every_figure_of_the_day_is_what_api_ledger_and_logs_say(day: tuple[AfterTheDay, dict[str, Any]]) -> None:
    after, written = day
    figures = {name: value for step in written["steps"] for name, value in step["figures"].items()}
    recomputed = _recompute(after)
    assert set(figures) == set(recomputed) | MEASURED_ONLY
    assert {name: figures[name] for name in recomputed} == recomputed


def _recompute(after: AfterTheDay) -> dict[str, Any]:
    audit = after.json("audit", "list", "--all")
    summary = next(one["changes"]["summary"] for one in audit if one["operation"] == "users.import")
    payments = after.json("payments", "list", "--all")
    instants = {one["at"] for one in audit if one["operation"] == "subscriptions.import"}
    imported = {item["id"] for item in payments if item["created_at"] in instants}
    refunds = after.json("refunds", "list", "--all")
    goodwill = [item for item in refunds if item["reason"] == "goodwill"]
    balances = after.json("ledger", "check")["balances"]
    declined = next(one for one in audit if one["operation"] == "subscriptions.create" and _declined(one))
    log = after.log()
    pages = Counter(
        "read" if entry["status"] < 400 else "failed" if entry["status"] >= 500 else "refused"
        for entry in log
        if entry["route"] == "/v1/users/{user}" and entry["method"] == "GET" and entry["actor"] == "local"
    )
    slo = json.loads((after.home / "reports" / "slo.json").read_text())
    runs = after.json("load", "history", "--limit", "1")
    first = next(item for item in refunds if item["reason"] == "duplicate")
    today = after.json("today")
    return {
        "prices": len(after.json("prices", "list", "--all")),
        "rows": sum(summary.values()),
        "created": summary["created"],
        "already_there": summary["existing"],
        "refused": summary["refused"],
        "subscriptions": _subscriptions(after, imported),
        "payments": dict(sorted(Counter(item["state"] for item in payments if item["id"] in imported).items())),
        "failed_payments_of_this_member": sum(
            item["state"] == "failed" for item in payments if item["user_id"] == declined["user_id"]
        ),
        "refunds_of_this_payment": len(after.json("payments", "show", first["payment_id"])["refunds"]),
        "refunds_accepted": sum(one["operation"] == "refunds.issue" and one["reason"] == "goodwill" for one in audit),
        "refunds_succeeded": sum(item["state"] == "succeeded" for item in goodwill),
        "pages_read": pages["read"],
        "pages_not_read": pages["failed"],
        "verdict": runs[0]["verdict"],
        "requests": runs[0]["requests"],
        "failures": runs[0]["failures"],
        "verdicts": {check["name"].partition(":")[0]: _verdict(check) for check in slo["checks"]},
        "entries": sum(row["entries"] for row in balances),
        "balances": {row["account"]: row["amount"]["amount"] for row in balances},
        "active_subscriptions": today["active_subscriptions"],
        "revenue": {row["currency"]: row["revenue"]["amount"] for row in today["taken"]},
    }


def _subscriptions(after: AfterTheDay, imported: set[str]) -> dict[str, int]:
    found = after.json("subscriptions", "list", "--all")
    kept = [item for item in found if item["payment_id"] in imported or item["status"] == "trialing"]
    return dict(sorted(Counter(item["status"] for item in kept).items()))


def _declined(entry: dict[str, Any]) -> bool:
    return "spx-profit-pulse-quarterly" in json.dumps(entry["changes"])


def _verdict(check: dict[str, Any]) -> str:
    return {"held": "met", "failed": "missed", "unknown": "unknown"}[check["outcome"]]
