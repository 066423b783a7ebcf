"""What commands say is what holds: of a test that was not taken, of money without a currency, of an id that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

AT = "2026-11-01T12:00:00Z"
ENDPOINT_ID, DELIVERY_ID = "we_01M82JBJ04FCP9T6B4JW1RNYHP", "whd_01M82JBJ04FCP9T6B4JW1RNYHQ"
PAYMENT_ID = "pay_01M82JBJ04FCP9T6B4JW1RNYHP"
ENDPOINT: dict[str, Any] = {
    "id": ENDPOINT_ID, "kind": "endpoint", "url": "https://hooks.example.com/", "events": ["*"], "signing": "v1",
    "state": "enabled", "disabled_reason": "", "description": "", "loopback": False, "failures": 0,
    "failing_since": None, "version": 1, "created_at": AT, "expires_at": None,
}  # fmt: skip
DELIVERY: dict[str, Any] = {
    "id": DELIVERY_ID, "endpoint_id": ENDPOINT_ID, "event_id": "evt_1", "type": "webhook_endpoint.tested",
    "state": "pending", "round": 1, "attempts": 1, "last_status": 500, "last_error": "", "created_at": AT,
    "next_attempt_at": AT, "settled_at": None,
}  # fmt: skip
BULK: dict[str, Any] = {
    "id": "bulk_01M82JBJ04FCP9T6B4JW1RNYHP", "file": "refunds.csv", "state": "planned", "rows": 2, "accepted": 2,
    "refused": 0, "total": "1300.00", "totals": [{"amount": 130_000, "currency": "USD"}], "done": 0, "failed": 0,
    "canceled": 0, "waiting": 0, "left": 2, "moved": [], "max_count": None, "max_totals": [], "batches": 1,
    "digest": "d", "policy_version": 0, "approvals": 0, "limits": [], "canceling": False, "error": "", "saga_id": None,
    "created_by": "Ada", "applied_by": "", "version": 2, "created_at": AT, "planned_at": AT, "expires_at": AT,
    "applied_at": None, "ended_at": None,
}  # fmt: skip


DISPUTE: dict[str, Any] = {
    "id": "dsp_01M82JBJ04FCP9T6B4JW1RNYHP", "user_id": "usr_38G54Q4EBXYTQ", "payment_id": PAYMENT_ID,
    "provider": "sandbox", "provider_ref": "dp_1", "amount": {"amount": 100, "currency": "USD"},
    "tax": {"amount": 0, "currency": "USD"}, "fee": {"amount": 0, "currency": "USD"}, "reason": "fraudulent",
    "state": "under_review", "due_by": AT, "opened_at": AT, "closed_at": None, "answer": "evidence",
    "answer_state": "sent", "answer_error": "", "answered_by": "Ada", "answered_at": AT, "version": 3,
    "created_at": AT, "left": "", "email": "ada@example.com", "purpose": "Room", "next": "",
    "captured": {"amount": 100, "currency": "USD"}, "refunded": {"amount": 0, "currency": "USD"},
    "refundable": {"amount": 0, "currency": "USD"},
    "evidence": {"notes": "2026-11-01 she trained\n2026-11-02 and again\x1b[31m", "order": "Room"},
}  # fmt: skip


@pytest.mark.parametrize(
    "tried, code, says",
    [
        ({}, 7, "Not taken: it answered 500; it is tried again at 2026-11-01T12:00:00Z. Look: rtp webhooks deliveries"),
        (
            {"last_status": None, "last_error": "refused", "next_attempt_at": None},
            7,
            "Not taken: nothing answered (ref",
        ),
        ({"state": "succeeded", "last_status": 204, "next_attempt_at": None}, 0, "Taken: it answered 204."),
    ],
)
def test_a_test_of_an_endpoint_says_whether_it_was_taken_and_never_done(
    there: Any, peer: Any, made: Any, tried: dict[str, Any], code: int, says: str
) -> None:
    peer.answer("POST", f"/v1/webhooks/endpoints/{ENDPOINT_ID}/test", ENDPOINT)
    deliveries = DELIVERY | tried

    def listed(asked: Any) -> Any:
        return made(body={"items": [deliveries] if peer.writes() else [], "next": None})

    peer.answers["GET", "/v1/webhooks/deliveries"] = listed
    peer.answer("GET", f"/v1/webhooks/deliveries/{DELIVERY_ID}", deliveries | {"body": {}, "log": []})
    done = there("webhooks", "endpoints", "test", ENDPOINT_ID)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Done" not in done.stderr
    begun = there("webhooks", "endpoints", "test", ENDPOINT_ID, "--no-wait")
    assert begun.returncode == 0
    assert f"Watch it: rtp webhooks deliveries list --endpoint {ENDPOINT_ID}\n" in begun.stderr
    assert "Done" not in begun.stderr


def test_the_total_of_a_bulk_is_listed_with_its_currency(there: Any, peer: Any) -> None:
    peer.answer("GET", "/v1/refund-bulks", {"items": [BULK], "next": None})
    done = there("refunds", "bulk", "list")
    assert done.returncode == 0, done.stderr
    assert "1,300.00 USD" in done.stdout


@pytest.mark.parametrize(
    "text", ["foo", "", "usr_38G54Q4EBXYTQ", "pay_1", "rfd_", "ada@example.com", "pay " + PAYMENT_ID]
)
def test_events_about_what_is_no_id_are_not_asked_for(there: Any, peer: Any, text: str) -> None:
    done = there("webhooks", "received", "list", "--about", text, "-o", "json")
    assert done.returncode == 2, done.stdout
    assert "payment (pay_…)" in json.loads(done.stderr)["error"]["message"]
    assert peer.asked == []


@pytest.mark.parametrize("text", [PAYMENT_ID, "ch_3QabcDEF", "made-by-hand-at-the-provider"])
def test_events_about_a_payment_or_what_only_the_provider_has_are_asked_for(there: Any, peer: Any, text: str) -> None:
    peer.answer("GET", "/v1/webhooks/received", {"items": [], "next": None})
    assert there("webhooks", "received", "list", "--about", text).returncode == 0
    assert peer.asked[-1].query["about"] == text


def test_evidence_that_was_handed_in_is_shown_line_by_line_and_steers_no_terminal(there: Any, peer: Any) -> None:
    peer.answer("GET", f"/v1/disputes/{DISPUTE['id']}", DISPUTE)
    done = there("disputes", "show", DISPUTE["id"])
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    notes = lines.index("notes")
    assert lines[notes + 1 : notes + 3] == ["2026-11-01 she trained", r"2026-11-02 and again\x1b[31m"]
    assert r"\n" not in done.stdout
    assert there.json("disputes", "show", DISPUTE["id"])["evidence"] == DISPUTE["evidence"]
    chosen = there("disputes", "show", DISPUTE["id"], "--fields", "evidence.order")
    assert chosen.stdout.split() == ["evidence.order", "Room"]


def test_a_listener_waits_for_a_server_that_says_it_goes_down(there: Any, peer: Any) -> None:
    listener = ENDPOINT | {"kind": "listen", "url": "", "keys": [], "secret": "whsec_x"}
    problem = {"code": "going_down", "detail": "The server is going down.", "status": 503, "exit_code": 13}
    peer.answer("POST", "/v1/webhooks/endpoints", listener, 201)
    peer.answer("GET", "/v1/webhooks/due", problem, 503, media="application/problem+json")
    peer.answer("DELETE", f"/v1/webhooks/endpoints/{ENDPOINT_ID}", ENDPOINT)
    done = there("webhooks", "listen", "--for", "1s")
    assert done.returncode == 0, done.stderr
    assert "The server is going down. It goes on when the server is back." in done.stderr
