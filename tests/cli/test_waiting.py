"""A write whose work goes on: waited for, and each way that it ends has its exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest

PAYMENT = "pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F"
REFUND = "rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F"
ISSUE = ["refunds", "issue", PAYMENT, "--amount", "25.00", "--reason", "duplicate"]


def refund(state: str, **more: Any) -> dict[str, Any]:
    return {
        "id": REFUND,
        "user_id": "usr_38G54Q4EBXYTQ",
        "payment_id": PAYMENT,
        "amount": {"amount": 2500, "currency": "USD"},
        "tax": {"amount": 0, "currency": "USD"},
        "state": state,
        "reason": "duplicate",
        "issued_by": "local",
        "provider_ref": None,
        "failure_reason": "",
        "version": 1,
        "created_at": "2026-11-01T12:00:00Z",
        "settled_at": None,
        **more,
    }


@pytest.fixture
def refunds(peer: Any, made: Any) -> Any:
    """A server that issues a refund; its states come one after the other each time it is looked at."""

    def states(*names: str) -> None:
        left = list(names)
        peer.answer("POST", f"/v1/payments/{PAYMENT}/refunds", refund("created"), 201)
        peer.answers["GET", f"/v1/refunds/{REFUND}"] = lambda asked: made(
            200, body=refund(left.pop(0) if len(left) > 1 else left[0])
        )

    return states


@pytest.mark.parametrize(
    "states, code",
    [(["submitted", "succeeded"], 0), (["pending", "failed"], 7), (["pending"], 14), (["submitted", "unknown"], 9)],
)
def test_each_end_of_a_refund_has_its_exit_code(there: Any, refunds: Any, states: list[str], code: int) -> None:
    refunds(*states)
    done = there(*ISSUE, "--timeout", "0.7", "-o", "json")
    assert done.returncode == code, done.stderr
    if code == 0:
        assert json.loads(done.stdout)["state"] == "succeeded"
    else:
        assert done.stdout == ""
        assert f"rtp refunds show {REFUND}" in done.stderr


@pytest.mark.parametrize(
    "cancel, revoke, said",
    [
        ("no", False, []),
        ("now", False, ["The subscription was ended all the same"]),
        ("period_end", True, ["The subscription ends with its period all the same", "The access was closed all the s"]),
    ],
)
def test_a_refund_that_failed_says_why_in_words_what_is_still_true_and_how_it_goes_on(
    there: Any, peer: Any, refunds: Any, cancel: str, revoke: bool, said: list[str]
) -> None:
    refunds("failed")
    more = {"failure_reason": "card_account_closed", "cancel_subscription": cancel, "revoke_access": revoke}
    peer.answer("GET", f"/v1/refunds/{REFUND}", refund("failed", **more))
    done = there(*ISSUE, "-o", "json")
    assert done.returncode == 7
    problem = json.loads(done.stderr)["error"]
    assert problem["message"] == f"{REFUND} ended failed: the card's account can no longer take money."
    assert problem["hint"] == f"rtp refunds retry {REFUND} issues it anew; rtp refunds show {REFUND}"
    for words in ("Nothing was paid", *said):
        assert words in problem["detail"]
    assert problem["detail"].count("all the same") == len(said)


def test_a_refund_that_was_rejected_did_nothing_beside_it_and_keeps_what_was_said_of_it(
    there: Any, peer: Any, refunds: Any
) -> None:
    refunds("rejected")
    more = {"failure_reason": "rejected by sam@example.com: see case_7", "cancel_subscription": "now"}
    peer.answer("GET", f"/v1/refunds/{REFUND}", refund("rejected", **more))
    problem = json.loads(there(*ISSUE, "-o", "json").stderr)["error"]
    assert problem["message"].endswith("rejected by sam@example.com: see case_7.")
    assert (problem["hint"], "all the same" in problem["detail"]) == (f"rtp refunds show {REFUND}", False)


def test_no_wait_answers_at_once_with_what_was_accepted(there: Any, peer: Any, refunds: Any) -> None:
    refunds("pending")
    done = there(*ISSUE, "--no-wait", "-o", "json")
    assert json.loads(done.stdout)["state"] == "created"
    assert [asked.path for asked in peer.asked] == ["/v1/whoami", f"/v1/payments/{PAYMENT}/refunds"]


def test_the_amount_travels_in_minor_units_with_its_currency(there: Any, peer: Any, refunds: Any) -> None:
    refunds("succeeded")
    there(*ISSUE)
    assert peer.writes()[0].json() == {"reason": "duplicate", "amount": 2500, "currency": "USD"}
    assert peer.writes()[0].query["reason"] == "duplicate"


def test_on_prod_the_amount_is_what_must_be_typed(there: Any, peer: Any, refunds: Any) -> None:
    refunds("succeeded")
    peer.environment = "prod"
    refused = there(*ISSUE, "--yes")
    assert refused.returncode == 2
    assert "--confirm 25.00" in refused.stderr
    assert peer.writes() == []
    assert there(*ISSUE, "--confirm", "25.00").returncode == 0


def test_an_amount_left_to_the_server_is_planned_to_learn_what_must_be_typed(
    there: Any, peer: Any, refunds: Any, made: Any
) -> None:
    refunds("succeeded")
    peer.environment = "prod"
    whole = ["refunds", "issue", PAYMENT, "--reason", "duplicate"]
    issued = peer.answers["POST", f"/v1/payments/{PAYMENT}/refunds"]
    plan = made.plan | {"operation": "refunds.issue", "result": refund("created")}
    peer.answers["POST", f"/v1/payments/{PAYMENT}/refunds"] = lambda asked: (
        made(202, body=plan) if asked.query.get("dry_run") == "true" else issued
    )
    assert "--confirm 25.00" in there(*whole).stderr
    assert there(*whole, "--confirm", "25.00").returncode == 0
    assert peer.writes()[0].query["plan"] == plan["id"]
