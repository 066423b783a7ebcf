"""What a person is shown before money moves: the receipt of what would happen, and what cannot be undone."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from rtp.kit.money import Money
from rtp.refund_bulks.schemas import Bulk
from tests.cli.test_writes import on_a_terminal
from tests.refunds.test_receipt import PREVIEW

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
    assert "final: it cannot be undone" in before
    assert ended == 2, text


def planned() -> Any:
    """A bulk refund of two rows, as the server shows it."""
    values: dict[str, Any] = dict.fromkeys(Bulk.__struct_fields__, None)
    values |= dict.fromkeys(["done", "failed", "canceled", "waiting", "refused"], 0)
    values |= {"moved": [], "max_totals": [], "limits": []}
    values |= dict.fromkeys(["error", "applied_by", "digest", "created_by"], "")
    values |= {"id": BULK, "state": "planned", "file": "refunds.csv", "rows": 2, "accepted": 2, "left": 2,
               "total": "40.01", "totals": [Money(4001, "USD")], "batches": 1, "policy_version": 1, "approvals": 1,
               "canceling": False, "version": 2, "created_at": "2026-11-23T10:00:00Z"}  # fmt: skip
    return msgspec.to_builtins(values)
