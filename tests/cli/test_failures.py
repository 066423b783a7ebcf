"""How a failure reads: each thing once, in words, with what is still true."""

from __future__ import annotations

from typing import Any

from tests.cli.test_writes import on_a_terminal

PROBLEM = {
    "status": 400,
    "code": "invalid_input",
    "detail": "The input is not valid: email: no e-mail address such as ada@example.com",
    "still": "Nothing was changed.",
    "exit_code": 2,
    "request_id": "r1",
}


def refused(peer: Any, **more: Any) -> None:
    peer.answer("POST", "/v1/users", PROBLEM | more, 400, media="application/problem+json")


def test_a_field_that_the_message_names_is_not_told_again(there: Any, peer: Any) -> None:
    refused(peer, fields={"email": "no e-mail address such as ada@example.com"})
    said = there("users", "create", "ada", "--name", "Ada").stderr.splitlines()
    assert said == [f"Error: {PROBLEM['detail']}", "  Nothing was changed.", "  (invalid_input, request r1)"]


def test_a_field_that_the_message_does_not_name_is_told_below_it(there: Any, peer: Any) -> None:
    refused(peer, detail="The input is not valid", fields={"email": "too long"})
    assert "\n  email: too long\n" in there("users", "create", "ada", "--name", "Ada").stderr


def test_what_may_be_chosen_for_a_missing_flag_stands_on_one_line(rtp: Any) -> None:
    first = rtp("refunds", "issue", "pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F").stderr.splitlines()[0]
    assert first.startswith("Error: Missing option '--reason'. Choose from: duplicate, requested_by_customer, ")


def test_the_help_keeps_a_gap_between_each_group_and_what_it_is(rtp: Any) -> None:
    lines = rtp("--help").stdout.splitlines()
    [row] = [line for line in lines if line.startswith("  payment-methods")]
    assert row.split()[:3] == ["payment-methods", "Cards", "of"]
    assert max(map(len, lines)) <= 80


def test_on_a_terminal_the_prose_of_a_failure_is_broken_between_words_and_its_command_is_not(
    there: Any, peer: Any
) -> None:
    said = "The refund rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F was issued by you, and a second person must approve it."
    hint = "Let a colleague run: rtp refunds approve rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F; or take it back yourself"
    problem = {"code": "approved_by_issuer", "status": 403, "detail": said, "hint": hint, "exit_code": 4}
    peer.answer("GET", "/v1/users/ada@example.com", problem, status=403, media="application/problem+json")
    ended, text = on_a_terminal(there, ["users", "show", "ada@example.com"], "")
    first, second, after, *_ = text.splitlines()
    assert (ended, f"{first} {second.strip()}") == (4, f"Error: {said}")
    assert (len(first) <= 80, second.startswith("  "), after) == (True, True, f"  Next: {hint}")
    assert there("users", "show", "ada@example.com").stderr.startswith(f"Error: {said}\n"), "elsewhere it is one line"
