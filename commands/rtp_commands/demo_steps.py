"""The steps of the demo: an operator's day, in order."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from rtp_commands.demo_day import Day, StepFailed

REFUNDS = 60
LEAST_ACCEPTED = 50
DECLINED_PRICE = "spx-profit-pulse-quarterly"
UNDER_WAY = {"created", "submitted", "pending", "unknown"}
STOREFRONT_READS = 40


def start(day: Day, data: Path) -> None:
    """Start the platform and look at its schema."""
    done = day.rtp("up")
    day.figure("seconds_to_healthy", round(done.seconds, 2))
    day.rtp("db", "status")


def catalog(day: Day, data: Path) -> None:
    """Put the catalog in place; the second time there is nothing to do."""
    day.rtp("catalog", "apply", str(data / "catalog.yaml"), show=6)
    day.figure("prices", len(day.json("prices", "list", "--all")))
    day.rtp("catalog", "apply", str(data / "catalog.yaml"), show=3)


def members(day: Day, data: Path) -> None:
    """Import members: refused rows one by one, nothing else lost."""
    rows = _rows(data / "members.csv")
    done = day.rtp("users", "import", str(data / "members.csv"), expect=(8,), show=24)
    day.figure("rows", rows)
    day.figure("created", len(day.json("users", "list", "--all")))
    day.figure("refused", sum(line.startswith("row ") for line in done.err.splitlines()))
    day.figure("rows_per_second", round(rows / done.seconds))
    taken = day.step.figures["created"] + day.step.figures["refused"]
    day.figure("already_there", rows - taken)
    day.must("every row was created, refused, or there already", 0 <= rows - taken < rows // 10)


def subscriptions(day: Day, data: Path) -> None:
    """Subscribe six hundred; half have a trial, the others are charged by the worker."""
    day.rtp("subscriptions", "import", str(data / "subscriptions.csv"), expect=(0, 8), show=8)
    waited = day.until("every payment is settled", lambda: not _unsettled(day, "payments"))
    waited += day.until("every event has arrived", lambda: not day.json("today")["event_lag_seconds"])
    found = Counter(item["status"] for item in day.json("subscriptions", "list", "--all"))
    paid = Counter(item["state"] for item in day.json("payments", "list", "--all"))
    day.figure("subscriptions", dict(sorted(found.items())))
    day.figure("payments", dict(sorted(paid.items())))
    day.figure("seconds_until_all_were_charged", round(waited, 1))
    day.must("nearly all of 600 are subscribed", sum(found.values()) >= 540)


def declined(day: Day, data: Path) -> None:
    """A card that its bank refuses."""
    member = day.json("users", "list", "--limit", "1")[0]["email"]
    day.rtp("subscriptions", "create", member, "--price", DECLINED_PRICE, "--card", "declined", expect=(7,))
    lost = [item for item in day.json("payments", "list", "--user", member) if item["state"] == "failed"]
    day.figure("failed_payments_of_this_member", len(lost))


def refund(day: Day, data: Path) -> None:
    """A refund by preview, plan and issue; then repeated by mistake in both ways."""
    payment = day.json("payments", "list", "--state", "succeeded", "--limit", "1")[0]["id"]
    day.rtp("refunds", "preview", payment, "--amount", "25.00", show=20)
    planned = day.rtp("refunds", "issue", payment, "--amount", "25.00", "--reason", "duplicate", "--dry-run")
    plan = re.search(r"plan_[0-9A-Z]{26}", planned.out + planned.err)
    if plan is None:
        raise StepFailed("the dry run named no plan")
    done = day.rtp("refunds", "issue", "--plan", plan[0])
    first = re.search(r"rfd_[0-9A-Z]{26}", done.out)
    operation = day.json("history", "--limit", "1")[0]["id"]
    again = day.rtp("retry", operation)
    day.must("the retry is marked as replayed", "Replayed" in again.err)
    day.must("the retry shows the same refund", first is not None and first[0] in again.out)
    day.rtp("refunds", "issue", payment, "--amount", "25.00", "--reason", "duplicate", expect=(6,))
    day.figure("refunds_of_this_payment", len(day.json("payments", "show", payment)["refunds"]))
    day.must("one refund was made", day.step.figures["refunds_of_this_payment"] == 1)


def warm(day: Day, data: Path) -> None:
    """The storefront's hit rate with a cold and with a warm cache."""
    keys = [item["key"] for item in day.json("prices", "list", "--all")]
    day.figure("hit_rate_cold", _hit_rate(day, keys))
    day.rtp("cache", "warm", "--all")
    day.figure("hit_rate_warm", _hit_rate(day, keys))
    day.must("the warm cache answers more", day.step.figures["hit_rate_warm"] > day.step.figures["hit_rate_cold"])


def chaos(day: Day, data: Path) -> None:
    """The worker is killed while refunds are issued; then the database, while members look at their pages."""
    before = {item["id"] for item in day.json("refunds", "list", "--all")}
    payments = [item["id"] for item in day.json("payments", "list", "--state", "succeeded", "--all")][1 : REFUNDS + 1]
    experiment = day.start("chaos", "run", "worker-killed")
    day.say(
        f"$ … | head -{len(payments)} | xargs -P4 -I% rtp refunds issue % --amount 5.00 --reason goodwill --no-wait"
    )
    words = ("--amount", "5.00", "--reason", "goodwill", "--no-wait")
    with ThreadPoolExecutor(max_workers=4) as desk:
        exits = Counter(desk.map(lambda one: day.quietly("refunds", "issue", one, *words).exit_code, payments))
    day.finish(experiment, "chaos", "run", "worker-killed")
    day.until("every refund is settled", lambda: not _unsettled(day, "refunds"))
    made = [item for item in day.json("refunds", "list", "--all") if item["id"] not in before]
    ours = [item for item in made if item["reason"] == "goodwill"]
    day.figure("refunds_accepted", exits[0])
    day.figure("refunds_succeeded", sum(item["state"] == "succeeded" for item in ours))
    day.must(f"at least {LEAST_ACCEPTED} refunds were accepted meanwhile", exits[0] >= LEAST_ACCEPTED)
    day.must("every accepted refund succeeded, and no other", day.step.figures["refunds_succeeded"] == exits[0])


def outage(day: Day, data: Path) -> None:
    """The database is killed while members look at their pages: their requests fail until it is back."""
    members = [item["id"] for item in day.json("users", "list", "--limit", "50")]
    experiment = day.start("chaos", "run", "database-killed")
    answers: Counter[str] = Counter()
    with ThreadPoolExecutor(max_workers=4) as readers:
        while experiment.poll() is None:
            answers.update(readers.map(lambda one: _read(day, f"/v1/users/{one}"), members[:20]))
    day.finish(experiment, "chaos", "run", "database-killed")
    day.figure("pages_read", answers["ok"])
    day.figure("pages_not_read", answers["failed"])
    day.figure("pages_without_an_answer", answers["lost"])
    day.until("all is well again", lambda: day.quietly("status").exit_code == 0)


def load(day: Day, data: Path) -> None:
    """Twenty seconds of members and support at once."""
    report = day.home / "reports" / "load.json"
    day.rtp("load", "run", "member", "--duration", "20s", "--report", f"json:{report}", expect=(0, 10), show=24)
    day.must("the load test wrote its report", report.is_file())
    last = day.json("load", "history", "--limit", "1")[0]
    day.figure("verdict", last["verdict"])
    day.figure("requests", last["requests"])
    day.figure("failures", last["failures"])


def levels(day: Day, data: Path) -> None:
    """The service levels of the day: one met, one missed because of the outage, one without enough to judge."""
    report = day.home / "reports" / "slo.json"
    names = ("refund-availability", "api-availability", "catalog-availability")
    day.rtp("slo", "report", *names, "--window", "1h", "--report", f"json:{report}", expect=(10,), show=24)
    verdicts = {item["slo"]: item["verdict"] for item in _judged(day, names)}
    day.figure("verdicts", verdicts)
    day.must("one is met, one missed, one unknown", sorted(verdicts.values()) == ["met", "missed", "unknown"])


def books(day: Day, data: Path) -> None:
    """The ledger, recomputed from zero."""
    day.rtp("ledger", "check", show=24)
    checked = day.json("ledger", "check")
    day.figure("entries", sum(balance["entries"] for balance in checked["balances"]))
    day.figure("balances", {row["account"]: row["amount"]["amount"] for row in checked["balances"]})


def morning(day: Day, data: Path) -> None:
    """The morning page, here and as a file."""
    page = day.home / "reports" / "today.html"
    day.rtp("today", "--report", f"html:{page}", show=40)
    shown = day.json("today")
    day.figure("active_subscriptions", shown["active_subscriptions"])
    day.figure("revenue", {row["currency"]: row["revenue"]["amount"] for row in shown["taken"]})
    day.must("the page is a file", page.is_file())


STEPS: tuple[tuple[str, Callable[[Day, Path], None]], ...] = (
    ("Start the platform", start),
    ("Put the catalog in place", catalog),
    ("Import a thousand members", members),
    ("Subscribe six hundred", subscriptions),
    ("A declined card", declined),
    ("A refund, and its repeats", refund),
    ("Warm the caches", warm),
    ("Kill the worker under refunds", chaos),
    ("Kill the database under readers", outage),
    ("A load test", load),
    ("Service levels", levels),
    ("Check the ledger", books),
    ("The morning page", morning),
)
"""Title and step, in the order of the day."""


def _rows(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return max(0, sum(1 for _ in csv.reader(file)) - 1)


def _unsettled(day: Day, noun: str) -> int:
    return sum(len(day.json(noun, "list", "--state", state, "--limit", "1")) for state in sorted(UNDER_WAY)
               if noun == "refunds" or state != "pending")  # fmt: skip


def _hit_rate(day: Day, keys: list[str]) -> float:
    """The share of storefront reads that the cache answered."""
    before = _hits(day)
    for number in range(STOREFRONT_READS):
        _read(day, f"/v1/prices/{keys[number % len(keys)]}")
    hits, misses = (now - then for now, then in zip(_hits(day), before, strict=True))
    return round(hits / (hits + misses), 3) if hits + misses else 0.0


def _hits(day: Day) -> tuple[int, int]:
    classes = day.json("cache", "stats")["classes"]
    return sum(one["hits"] for one in classes), sum(one["misses"] for one in classes)


def _read(day: Day, path: str) -> str:
    """One read over the API, as a storefront's server makes it."""
    import httpx

    status = json.loads((day.home / "run" / "state.json").read_text())
    try:
        answer = httpx.get(status["url"] + path, headers={"Authorization": f"Bearer {_token(day)}"}, timeout=10)
    except httpx.TransportError:
        return "lost"
    return "ok" if answer.is_success else "failed"


def _token(day: Day) -> str:
    return (day.home / "token").read_text().strip()


def _judged(day: Day, names: tuple[str, ...]) -> list[dict[str, str]]:
    done = day.quietly("slo", "report", *names, "--window", "1h", "-o", "json")
    found = json.loads(done.out)
    return list(found["objectives"] if isinstance(found, dict) else found)


def stamp() -> str:
    """Now, for the record of the day."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
