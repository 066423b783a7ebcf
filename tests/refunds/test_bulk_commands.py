"""`rtp refunds bulk` as it is typed, on a real platform."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rtp.client import Client, Target
from rtp.refund_bulks import schemas
from rtp.refund_bulks.schemas import CreateBulk
from rtp.testing.instance import RTP, RunningInstance

CATALOG = """
currency: USD
products:
  - key: bulk-room
    name: Room
    kind: room
    prices:
      - {key: bulk-room-monthly, amount: "100.00", interval: month}
"""


@pytest.fixture(scope="module")
def payments(instance: RunningInstance) -> list[str]:
    """Ten captured payments of 100.00."""
    catalog = instance.folder / "bulk-catalog.yaml"
    catalog.write_text(CATALOG)
    instance.json("catalog", "apply", str(catalog))
    emails = [f"bulk-{number}@example.com" for number in range(10)]
    members, subscriptions = instance.folder / "m.csv", instance.folder / "s.csv"
    members.write_text("\n".join(["email,name", *(f"{email},Pay Er" for email in emails)]))
    instance.json("users", "import", str(members))
    subscriptions.write_text("\n".join(["email,price,card", *(f"{email},bulk-room-monthly,visa" for email in emails)]))
    instance.json("subscriptions", "import", str(subscriptions))
    found = []
    for email in emails:
        done = instance("payments", "list", "--user", email, "-o", "json")
        while json.loads(done.stdout)[0]["state"] != "succeeded":
            done = instance("payments", "list", "--user", email, "-o", "json")
        found.append(str(json.loads(done.stdout)[0]["id"]))
    return found


def written(folder: Path, *lines: str, name: str = "refunds.csv") -> str:
    path = folder / name
    path.write_text("\n".join(lines))
    return str(path)


def problem(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(done.stderr[done.stderr.index('{"error"') :])["error"]
    return error


def test_a_file_is_planned_with_its_refused_rows_and_applied_with_a_result_for_each(
    instance: RunningInstance, payments: list[str], tmp_path: Path
) -> None:
    file = written(
        tmp_path,
        "payment,amount,reason,ticket,key",
        f"{payments[0]},1.00,duplicate,T-1,",
        f"{payments[0]},2.00,duplicate,,case-2",
        f"{payments[1]},500.00,duplicate,,",
    )
    refused = tmp_path / "refused.csv"
    plan = instance("refunds", "bulk", "plan", file, "--results", str(refused))
    assert plan.returncode == 8, plan.stderr
    assert "2, together 3.00 USD" in plan.stdout
    assert re.search(r"row 4 \(pay_\w+\): The refund of 500\.00 USD is more than what is left", plan.stderr)
    found = re.search(r"rtp refunds bulk apply (bulk_\w+)", plan.stderr)
    assert found is not None, plan.stderr
    with refused.open(newline="") as read:
        assert [row["code"] for row in csv.DictReader(read)] == ["", "", "refund_exceeds_captured"]
    results = tmp_path / "results.csv"
    done = instance("refunds", "bulk", "apply", found[1], "--results", str(results))
    assert done.returncode == 0, done.stderr
    assert "2, moved 3.00 USD" in done.stdout
    with results.open(newline="") as read:
        rows = list(csv.DictReader(read))
    assert [(row["row"], row["amount"], row["state"]) for row in rows] == [
        ("2", "1.00", "succeeded"), ("3", "2.00", "succeeded"), ("4", "", "refused"),
    ]  # fmt: skip
    shown = instance.json("refunds", "show", rows[0]["refund"])
    assert (shown["state"], shown["ticket"]) == ("succeeded", "T-1")
    again = instance("refunds", "bulk", "apply", found[1])
    assert again.returncode == 0
    assert "2, moved 3.00 USD" in again.stdout


def test_lines_of_json_with_a_reason_and_a_ticket_for_all_make_a_plan_too(
    instance: RunningInstance, payments: list[str], tmp_path: Path
) -> None:
    rows = [
        {"payment": payments[2], "amount": {"amount": 150, "currency": "USD"}, "ticket": "SUP-8"},
        {"payment": payments[3]},
    ]
    file = written(tmp_path, *(json.dumps(row) for row in rows), name="refunds.ndjson")
    plan = instance.json("refunds", "bulk", "plan", file, "--reason", "goodwill", "--ticket", "SUP-7")
    assert plan["totals"] == [{"amount": 10_150, "currency": "USD"}]
    listed = instance.json("refunds", "bulk", "export", plan["id"])
    assert [(row["reason"], row["ticket"]) for row in listed] == [("goodwill", "SUP-8"), ("goodwill", "SUP-7")]
    ended = instance.json("refunds", "bulk", "cancel", plan["id"])
    assert ended["state"] == "canceled"


def test_what_a_spreadsheet_would_run_is_text_in_every_file_of_results(
    instance: RunningInstance, payments: list[str], tmp_path: Path
) -> None:
    """Whoever asks for a refund writes the note, and who opens the file is the one whose machine runs it."""
    told = {"note": "=HYPERLINK(A1)", "ticket": "+SUM(A1)", "key": "-2+3+cmd|'/C calc'!A0"}
    rows = [
        {"payment": payments[8], "amount": "1.00", "reason": "duplicate"} | told,
        {"payment": "@SUM(A1)", "amount": "1.00", "reason": "duplicate"},
    ]
    file = written(tmp_path, *(json.dumps(row) for row in rows), name="refunds.ndjson")
    plans, results = tmp_path / "plan.csv", tmp_path / "results.csv"
    plan = instance("refunds", "bulk", "plan", file, "--results", str(plans), "-o", "json")
    assert plan.returncode == 8, plan.stderr
    bulk = json.loads(plan.stdout)["id"]
    assert instance("refunds", "bulk", "apply", bulk, "--results", str(results)).returncode == 0
    exported = instance("refunds", "bulk", "export", bulk, "--all", "-o", "csv").stdout
    for text in (plans.read_text(), results.read_text(), exported):
        refunded, refused = csv.DictReader(text.splitlines())
        assert {name: refunded[name] for name in told} == {name: f"'{value}" for name, value in told.items()}
        assert refused["payment"] == "'@SUM(A1)"
        assert not [cell for row in (refunded, refused) for cell in row.values() if cell[:1] in set("=+-@")]


@pytest.mark.parametrize(
    "lines,says",
    [
        (["payment,ammount", "pay_1,1.00"], "unknown columns: ammount"),
        (["amount", "1.00"], "no column payment"),
        (["payment,amount,amount", "pay_1,1,1"], "names a column twice"),
        (["payment,reason", "pay_1,duplicate,more"], "line 2 has 3 columns, and the heading has 2"),
        (["payment", "pay_1"], "row 2 has no reason"),
        ([""], "is empty"),
    ],
)
def test_a_file_that_is_not_clear_is_refused_as_a_whole(
    instance: RunningInstance, tmp_path: Path, lines: list[str], says: str
) -> None:
    done = instance("refunds", "bulk", "plan", written(tmp_path, *lines), "-o", "json")
    assert (done.returncode, done.stdout) == (2, "")
    assert says in problem(done)["message"]


def test_caps_end_with_7_and_a_plan_of_refused_rows_only_too(
    instance: RunningInstance, payments: list[str], tmp_path: Path
) -> None:
    file = written(tmp_path, "payment,reason", f"{payments[4]},duplicate", f"{payments[5]},duplicate")
    for caps in (["--max-total", "199.99"], ["--max-count", "1"], ["--max-total", "500.00 EUR"]):
        done = instance("refunds", "bulk", "plan", file, *caps, "-o", "json")
        assert (done.returncode, problem(done)["code"]) == (7, "bulk_over_cap"), done.stderr
    nothing = written(tmp_path, "payment,reason", "pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F,duplicate")
    done = instance("refunds", "bulk", "plan", nothing, "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["accepted"]) == (7, 0)


def test_an_interrupted_upload_goes_on_where_it_was(
    instance: RunningInstance, payments: list[str], tmp_path: Path
) -> None:
    """The first batch is there; the same file with --bulk sends the rest and closes the plan."""
    rows = [f"pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F,1.00,duplicate,{number}" for number in range(1000)]
    file = written(tmp_path, "payment,amount,reason,key", *rows, f"{payments[6]},1.00,duplicate,last")
    with Client(Target(name="local", url=instance.url, token=instance.token), timeout=60) as client:
        begun: Any = client.write(schemas.CREATE, CreateBulk(file="refunds.csv"), key="draft").value
        first = [dict(zip(["payment", "amount", "reason", "key"], row.split(","), strict=True)) for row in rows]
        lines = "\n".join(json.dumps({"row": number} | row) for number, row in enumerate(first, start=2))
        client.write(schemas.ADD, lines=lines.encode(), key="first", at={"bulk": begun.id, "batch": 1})
    draft = str(begun.id)
    done = instance("refunds", "bulk", "plan", file, "--bulk", draft, "-o", "json")
    plan = json.loads(done.stdout)
    assert (plan["id"], plan["rows"], plan["accepted"], plan["batches"]) == (draft, 1001, 1, 2)
    assert done.returncode == 8
    again = json.loads(instance("refunds", "bulk", "plan", file, "--bulk", draft, "-o", "json").stdout)
    assert again == plan


def test_interrupting_ends_the_watching_only_and_says_how_to_go_on(
    instance: RunningInstance, payments: list[str], tmp_path: Path
) -> None:
    rows = [f"{payment},0.{number:02},duplicate" for payment in payments[7:] for number in range(1, 61)]
    plan = instance.json("refunds", "bulk", "plan", written(tmp_path, "payment,amount,reason", *rows))
    command = [RTP, "refunds", "bulk", "apply", plan["id"]]
    with subprocess.Popen(command, env=instance.environment(), stderr=subprocess.PIPE, text=True) as applying:
        assert applying.stderr is not None
        begun = applying.stderr.readline()
        assert begun.startswith(f"Begun: {plan['id']} (final: it cannot be undone)"), "nothing is done yet"
        assert f"Watch it: rtp refunds bulk show {plan['id']}" in begun
        assert f"Stop what is left: rtp refunds bulk cancel {plan['id']}" in begun
        applying.send_signal(signal.SIGINT)
        _, said = applying.communicate(timeout=60)
    assert applying.returncode == 130, said
    assert f"Watch it again: rtp refunds bulk apply {plan['id']}" in said
    assert f"Stop what is left: rtp refunds bulk cancel {plan['id']}" in said
    done = instance("refunds", "bulk", "apply", plan["id"], "--timeout", "60", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["done"]) == (0, 180), done.stderr


def test_a_changed_world_ends_with_6(instance: RunningInstance, payments: list[str], tmp_path: Path) -> None:
    plan = instance.json(
        "refunds", "bulk", "plan", written(tmp_path, "payment,amount,reason", f"{payments[4]},1.00,duplicate")
    )
    instance.json("refunds", "issue", payments[4], "--amount", "2.00", "--reason", "duplicate")
    done = instance("refunds", "bulk", "apply", plan["id"], "-o", "json")
    assert (done.returncode, problem(done)["code"]) == (6, "bulk_outdated"), done.stderr


def test_a_refund_that_is_not_waited_for_is_told_as_begun(instance: RunningInstance, payments: list[str]) -> None:
    issue = ("refunds", "issue", payments[5], "--amount", "1.00", "--reason", "duplicate")
    begun = instance(*issue, "--no-wait")
    assert begun.returncode == 0, begun.stderr
    assert re.search(r"^Begun: (rfd_\w+) is created\. Watch it: rtp refunds show \1$", begun.stderr, re.MULTILINE)
    assert "Done" not in begun.stderr


def test_a_plan_and_its_receipt_tell_what_the_policy_says_of_the_file(
    instance: RunningInstance, payments: list[str], tmp_path: Path
) -> None:
    limits, rules = tmp_path / "limits.yaml", tmp_path / "policy.yaml"
    limits.write_text('limits:\n  - {role: local, currency: USD, month: "100000.00"}\n')
    rules.write_text(limits.read_text() + 'approval:\n  - {currency: USD, above: "20.00"}\n')
    instance.json("refunds", "policy", "apply", str(rules))
    file = written(
        tmp_path, "payment,amount,reason", f"{payments[4]},20.01,duplicate", f"{payments[5]},20.00,duplicate"
    )
    results = tmp_path / "plan.csv"
    done = instance("refunds", "bulk", "plan", file, "--results", str(results))
    assert done.returncode == 0, done.stderr
    instance.json("refunds", "policy", "apply", str(limits))
    assert re.search(r"Approval +2 of the refunds will wait for a second person", done.stdout), "they are one member's"
    assert re.search(r"30 days +100,000\.00 USD for the local: [0-9,.]+ USD used, 40\.01 USD asked", done.stdout)
    with results.open(newline="") as read:
        assert [row["approval"] for row in csv.DictReader(read)] == ["needed", "needed"]


def test_a_cancel_waits_for_what_was_issued_and_says_when_nothing_was_left_to_stop(
    instance: RunningInstance, payments: list[str], tmp_path: Path
) -> None:
    file = written(tmp_path, "payment,amount,reason", f"{payments[9]},0.07,duplicate")
    bulk = instance.json("refunds", "bulk", "plan", file)["id"]
    instance.json("sandbox", "set", "--refunds-pending", "--ttl", "2m")
    try:
        instance.json("refunds", "bulk", "apply", bulk, "--no-wait")
        while not instance.json("refunds", "list", "--state", "pending"):
            pass
        words = [RTP, "refunds", "bulk", "cancel", bulk, "--timeout", "60"]
        running = subprocess.Popen(words, env=instance.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not instance.json("refunds", "bulk", "show", bulk)["canceling"]:
            assert running.poll() is None, "it waits for the refund that was issued"
    finally:
        instance.json("sandbox", "reset")
    out, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert b" succeeded\n" in out
    assert b"Nothing was left to stop: every row had been issued already." in said
