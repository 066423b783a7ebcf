"""What a comparison and a bulk refund came to, as their exit code."""

from __future__ import annotations

from typing import Any

import pytest

BULK = "bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F"
AT = "2026-11-01T12:00:00Z"
COMPARED = {
    "provider": "sandbox", "since": AT, "until": AT, "charges": 3, "refunds": 1, "disputes": 0, "set_aside": 0,
    "differences": [],
}  # fmt: skip


@pytest.mark.parametrize("found, code", [(0, 0), (2, 10)])
def test_a_comparison_that_finds_differences_ends_with_10(there: Any, peer: Any, found: int, code: int) -> None:
    state = "differs" if found else "equal"
    peer.answer("GET", "/v1/reconcile", COMPARED | {"state": state, "found": found, "left_out": found})
    done = there("reconcile", "run")
    assert done.returncode == code, done.stderr
    assert ("rtp reconcile run --dry-run" in done.stderr) is bool(found)


def test_a_comparison_warns_of_what_it_could_not_read_and_judges_the_rest(there: Any, peer: Any, made: Any) -> None:
    unread = ["charge pi_9: no currency here", "refund re_8: no currency here"]
    peer.answer("GET", "/v1/reconcile", COMPARED | {"state": "equal", "found": 0, "left_out": 0, "unread": unread})
    plan = made.plan | {"operation": "reconcile.run", "changes": [], "result": COMPARED | {"unread": unread}}
    peer.answer("POST", "/v1/reconcile/runs", plan)
    for flags in ([], ["--dry-run"]):
        done = there("reconcile", "run", *flags)
        assert done.returncode == 0, done.stderr
        assert "2 objects of sandbox cannot be written here and were not compared: charge pi_9" in done.stderr


@pytest.mark.parametrize("found, code", [(0, 0), (2, 10)])
def test_a_plan_of_differences_ends_with_10(there: Any, peer: Any, made: Any, found: int, code: int) -> None:
    look = COMPARED | {"state": "differs", "found": found, "left_out": found}
    plan = made.plan | {"operation": "reconcile.run", "changes": [], "result": look}
    peer.answer("POST", "/v1/reconcile/runs", plan)
    done = there("reconcile", "run", "--dry-run")
    assert done.returncode == code, done.stderr
    assert peer.writes() == []


@pytest.mark.parametrize(
    "done, failed, code",
    [(2, 0, 0), (1, 1, 8), (0, 2, 7)],
)
def test_a_bulk_refund_ends_with_how_much_of_it_was_done(
    there: Any, peer: Any, done: int, failed: int, code: int
) -> None:
    usd = {"amount": 5000, "currency": "USD"}
    state = "failed" if not done else "partly" if failed else "succeeded"
    bulk = {
        "id": BULK, "state": state, "file": "refunds.csv", "rows": 2, "accepted": 2, "refused": 0, "totals": [usd],
        "total": "50.00", "done": done, "failed": failed, "canceled": 0, "waiting": 0, "left": 0, "moved": [],
        "max_count": None, "max_totals": [], "batches": 1, "digest": "d", "policy_version": 0, "approvals": 0,
        "limits": [], "canceling": False, "error": "", "saga_id": "saga_01J9ZK3V5W8X2Y4A6B7C8D9E0F",
        "created_by": "local", "applied_by": "local", "version": 3, "created_at": AT, "planned_at": AT,
        "expires_at": AT, "applied_at": AT, "ended_at": AT,
    }  # fmt: skip
    peer.answer("GET", f"/v1/refund-bulks/{BULK}", bulk)
    peer.answer("POST", f"/v1/refund-bulks/{BULK}/apply", bulk)
    ended = there("refunds", "bulk", "apply", BULK, "--yes", "--confirm", "50.00")
    assert ended.returncode == code, ended.stderr
