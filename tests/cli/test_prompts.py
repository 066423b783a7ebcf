"""What a person is shown before money moves: the receipt of what would happen, and what cannot be undone."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from rtp.kit.money import Money
from rtp.refund_bulks.schemas import Bulk
from tests.cli.test_writes import on_a_terminal
from tests.refunds.test_receipt import PREVIEW, REVIEW

PAYMENT, BULK = PREVIEW.payment_id, "bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F"
ISSUE = f"/v1/payments/{PAYMENT}/refunds"
LINE = ["--line", "1:500.00", "--line", "2:125.00"]
REFUND = {
    "id": "rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F", "user_id": PREVIEW.user_id, "payment_id": PAYMENT, "state": "succeeded",
    "amount": {"amount": 62_500, "currency": "USD"}, "tax": {"amount": 12_500, "currency": "USD"}, "version": 3,
    "reason": "duplicate", "issued_by": "stf_1", "provider_ref": None, "failure_reason": "",
    "created_at": "2026-11-23T10:00:00Z", "settled_at": None,
}  # fmt: skip


@pytest.fixture
def desk(peer: Any, made: Any) -> Any:
    """A server on staging that previews a refund, plans it and issues it."""
    peer.environment = "staging"
    peer.answer("POST", f"/v1/payments/{PAYMENT}/refund-preview", msgspec.to_builtins(PREVIEW, enc_hook=str))
    plan = made.plan | {"operation": "refunds.issue", "result": REFUND}
    peer.answers["POST", ISSUE] = lambda asked: (
        made(202, body=plan) if asked.query.get("dry_run") == "true" else made(201, body=REFUND)
    )
    return peer


def issued(peer: Any) -> list[Any]:
    return [one for one in peer.writes() if one.path == ISSUE]


@pytest.mark.parametrize("typed, code, sent", [("625.00\n", 0, 1), ("62.50\n", 2, 0)])
def test_a_refund_is_shown_as_a_receipt_before_its_amount_is_typed(
    there: Any, desk: Any, made: Any, typed: str, code: int, sent: int
) -> None:
    words = ["refunds", "issue", PAYMENT, *LINE, "--reason", "duplicate"]
    ended, text = on_a_terminal(there, words, typed, b"to go on:")
    before, _, _ = text.partition("This changes staging. Type 625.00 to go on:")
    assert "ada@example.com" in before
    assert "visa ending 4242, which paid it, and nowhere else" in before
    assert re.search(r"2  Workbook \(2 pieces\) +100\.00 +25\.00 +125\.00 +250\.00", before)
    assert re.search(r"Left after it +250\.00", before)
    assert re.search(r"Approval +another person, operator or above, within 3 days", before)
    assert "A refund that succeeded cannot be undone." in before
    assert ended == code, text
    assert [one.query for one in issued(desk)] == [{"plan": made.plan["id"], "reason": "duplicate"}] * sent
    [asked] = [one for one in desk.asked if one.path.endswith("/refund-preview")]
    assert asked.json() == {
        "lines": [{"position": 1, "amount": 50_000}, {"position": 2, "amount": 12_500}], "currency": "USD",
    }  # fmt: skip


def test_a_bulk_refund_is_shown_as_it_was_planned_before_its_total_is_typed(there: Any, peer: Any, made: Any) -> None:
    peer.environment = "prod"
    bulk = planned()
    peer.answer("GET", f"/v1/refund-bulks/{BULK}", bulk)
    peer.answer("POST", f"/v1/refund-bulks/{BULK}/apply", made.plan | {"result": bulk}, 202)
    ended, text = on_a_terminal(there, ["refunds", "bulk", "apply", BULK], "no\n", b"to go on:")
    before, _, _ = text.partition("This changes prod. Type 40.01 to go on:")
    assert re.search(r"Refunds +2, together 40\.01 USD", before)
    assert re.search(r"Approval +1 of the refunds will wait for a second person", before)
    assert "A refund that succeeded cannot be undone." in before
    assert ended == 2, text


APPROVE = ["refunds", "approve", REVIEW.refund]


@pytest.fixture
def second(desk: Any, made: Any) -> Any:
    """The same server, where a refund waits for whoever asks."""
    plan = made.plan | {"operation": "refunds.approve", "result": REFUND | {"state": "created"}}
    desk.answer("GET", f"/v1/refunds/{REVIEW.refund}/review", msgspec.to_builtins(REVIEW, enc_hook=str))
    desk.answers["POST", f"/v1/refunds/{REVIEW.refund}/approve"] = lambda asked: (
        made(202, body=plan) if asked.query.get("dry_run") == "true" else made(200, body=REFUND)
    )
    return desk


def stored(peer: Any, made: Any, operation: str, path: dict[str, str], body: Any) -> list[str]:
    """A plan that is carried out by its id; the flags for that."""
    plan = made.plan | {"operation": operation, "result": REFUND, "asked": {"path": path, "body": body}}
    peer.answer("GET", f"/v1/plans/{made.plan['id']}", plan)
    peer.answer("POST", f"/v1/plans/{made.plan['id']}/apply", REFUND)
    return ["--plan", str(made.plan["id"])]


def before(text: str) -> str:
    """What was said before the question."""
    shown, question, _ = text.partition("This changes staging. Type 625.00 to go on:")
    assert question, text
    return shown


@pytest.mark.parametrize("typed, code, sent", [("625.00\n", 0, 1), (f"{REVIEW.refund}\n", 2, 0)])
def test_an_approval_shows_the_refund_and_wants_its_amount_typed(
    there: Any, second: Any, typed: str, code: int, sent: int
) -> None:
    ended, text = on_a_terminal(there, APPROVE, typed, b"to go on:")
    shown = before(text)
    assert "Issued by    sam@example.com, 2026-11-22 09:05 UTC: requested by customer" in shown
    assert "Second look  kim@example.com, on staging" in shown
    assert re.search(r"Left after it +250\.00", shown)
    assert "refund.approved" not in shown, "what changes in the tables is not what a person decides by"
    assert (ended, len(second.writes())) == (code, sent), text


def test_off_a_terminal_an_approval_wants_the_amount_by_flag(there: Any, second: Any) -> None:
    done = there(*APPROVE)
    assert (done.returncode, second.writes()) == (2, [])
    assert f"rtp refunds approve {REVIEW.refund} --confirm 625.00" in done.stderr
    assert there(*APPROVE, "--confirm", "625.00").returncode == 0


@pytest.mark.parametrize(
    "words, operation, path, body, says",
    [
        (
            ["refunds", "issue"],
            "refunds.issue",
            {"payment": PAYMENT},
            {"reason": "goodwill", "note": "Once.", "ticket": "SUP-7", "again": True, "lines": [{"position": 1}]},
            "Asked by  sam@example.com, on staging: goodwill, ticket SUP-7",
        ),
        (["refunds", "approve"], "refunds.approve", {"refund": REVIEW.refund}, {}, "Second look  kim@example.com"),
        (["plans", "apply"], "refunds.approve", {"refund": REVIEW.refund}, {}, "Second look  kim@example.com"),
    ],
)
def test_a_plan_is_shown_as_the_same_receipt_before_it_is_carried_out(
    there: Any, second: Any, made: Any, words: list[str], operation: str, path: dict[str, str], body: Any, says: str
) -> None:
    flags = stored(second, made, operation, path, body)
    by_id = words[0] == "plans"
    typed = made.plan["id"] if by_id else "625.00"
    ended, text = on_a_terminal(there, [*words, *(flags[1:] if by_id else flags)], f"{typed}\n", b"to go on:")
    shown, question, _ = text.partition(f"This changes staging. Type {typed} to go on:")
    assert question, text
    assert says in shown
    assert "Final         A refund that succeeded cannot be undone." in shown
    assert ended == 0, text


def test_a_dry_run_shows_the_receipt_and_below_it_the_plan(there: Any, second: Any, made: Any) -> None:
    done = there(*APPROVE, "--dry-run")
    receipt, _, plan = done.stdout.rpartition("\n\n")
    assert "Second look  kim@example.com, on staging" in receipt
    assert plan.startswith(f"Plan  {made.plan['id']} refunds.approve, valid until")
    assert f"rtp refunds approve --plan {made.plan['id']}" in done.stderr


def test_a_server_that_knows_no_review_has_the_plan_shown_instead(there: Any, second: Any, made: Any) -> None:
    unknown = {"code": "not_found", "status": 404, "detail": "There is no path here.", "params": {"noun": "path"}}
    url = f"/v1/refunds/{REVIEW.refund}/review"
    second.answer("GET", url, unknown, status=404, media="application/problem+json")
    ended, text = on_a_terminal(there, APPROVE, "625.00\n", b"to go on:")
    assert f"{made.plan['id']} refunds.approve" in before(text)
    assert ended == 0, text


@pytest.mark.parametrize(
    "environment, by, says, not_said",
    [
        ("staging", "stf_1", f"another person must run rtp refunds approve {REVIEW.refund}", "rtp tokens create"),
        ("staging", "local", "rtp tokens create --name NAME --staff EMAIL --role ROLE", "another person must run"),
        ("dev", "local", f"another person must run rtp refunds approve {REVIEW.refund}", "rtp tokens create"),
    ],
)
@pytest.mark.parametrize("by_plan", [False, True])
def test_a_refund_that_waits_says_who_has_to_act_however_it_was_issued(
    there: Any, desk: Any, made: Any, environment: str, by: str, says: str, not_said: str, by_plan: bool
) -> None:
    desk.environment = environment
    waiting = REFUND | {"state": "waiting", "issued_by": by}
    flags = stored(desk, made, "refunds.issue", {"payment": PAYMENT}, {"reason": "duplicate"})
    desk.answer("POST", f"/v1/plans/{made.plan['id']}/apply", waiting)
    desk.answer("POST", ISSUE, waiting, 201)
    words = flags if by_plan else [PAYMENT, "--amount", "625.00", "--reason", "duplicate"]
    done = there("refunds", "issue", *words, "--confirm", "625.00")
    assert done.returncode == 0, done.stderr
    assert "Nothing is paid yet" in done.stderr
    assert says in done.stderr
    assert not_said not in done.stderr


@pytest.mark.parametrize("verb, state", [("reject", "rejected"), ("cancel", "canceled")])
def test_a_refund_that_is_ended_before_it_was_paid_says_what_is_free_again(
    there: Any, peer: Any, verb: str, state: str
) -> None:
    peer.answer("POST", f"/v1/refunds/{REVIEW.refund}/{verb}", REFUND | {"state": state})
    done = there("refunds", verb, REVIEW.refund)
    assert done.returncode == 0, done.stderr
    assert f"Nothing was paid; 625.00 USD of {PAYMENT} can be refunded again." in done.stderr


def test_the_preview_of_a_refund_that_waits_is_what_its_second_person_looks_at(there: Any, second: Any) -> None:
    done = there("refunds", "preview", REVIEW.refund)
    assert "Second look  kim@example.com, on staging" in done.stdout
    assert f"rtp refunds approve {REVIEW.refund}" in done.stderr
    assert there.json("refunds", "preview", REVIEW.refund)["issued_by"] == "sam@example.com"
    with_amount = there("refunds", "preview", REVIEW.refund, "--amount", "5.00")
    assert (with_amount.returncode, second.writes()) == (2, [])
    assert "leave out --amount" in with_amount.stderr


def test_a_file_above_the_threshold_names_the_command_that_another_person_runs(there: Any, peer: Any) -> None:
    above = {"planner": "sam@example.com", "above": {"amount": 2_000, "currency": "USD"}, "file": "r\x1b[2J.csv"}
    peer.answer("GET", f"/v1/refund-bulks/{BULK}", planned() | above)
    done = there("refunds", "bulk", "show", BULK)
    assert "Planned by   sam@example.com" in done.stdout
    assert re.search(rf"Second look  above 20\.00 USD in all.*\n.*run:\n +rtp refunds bulk apply {BULK}\n", done.stdout)
    assert f"Another person than who planned it carries it out: rtp refunds bulk apply {BULK}" in done.stderr
    assert "WARNING" not in done.stdout
    assert "\x1b" not in done.stdout, "whoever planned it chose the file's name, and another looks at it"
    peer.answer("GET", f"/v1/refund-bulks/{BULK}", planned() | above | {"warning": "Nobody may be able to."})
    assert "WARNING      Nobody may be able to." in there("refunds", "bulk", "show", BULK).stdout


def test_a_file_that_was_canceled_holds_until_no_day_and_waits_for_nobody(there: Any, peer: Any) -> None:
    ended = {"state": "canceled", "expires_at": "2026-11-24T10:00:00Z", "planner": "sam@example.com"}
    peer.answer("GET", f"/v1/refund-bulks/{BULK}", planned() | ended)
    shown = there("refunds", "bulk", "show", BULK)
    assert "Planned by  sam@example.com" in shown.stdout
    assert not re.search("Valid until|Approval", shown.stdout)
    assert shown.stderr == ""


def planned() -> Any:
    """A bulk refund of two rows, as the server shows it."""
    values: dict[str, Any] = dict.fromkeys(Bulk.__struct_fields__, None)
    values |= dict.fromkeys(["done", "failed", "canceled", "waiting", "refused"], 0)
    values |= {"moved": [], "max_totals": [], "limits": []}
    values |= dict.fromkeys(["error", "applied_by", "digest", "created_by", "planner", "warning"], "")
    values |= {"id": BULK, "state": "planned", "file": "refunds.csv", "rows": 2, "accepted": 2, "left": 2,
               "total": "40.01", "totals": [Money(4001, "USD")], "batches": 1, "policy_version": 1, "approvals": 1,
               "canceling": False, "version": 2, "created_at": "2026-11-23T10:00:00Z"}  # fmt: skip
    return msgspec.to_builtins(values)
