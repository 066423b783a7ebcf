"""A server of another version: its answer is not understood, and that is told with both versions, not as a defect."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rtp as package
from tests.cli.conftest import Answer

ADA, SHOW, SUSPEND = "ada@example.com", "/v1/users/ada@example.com", "/v1/users/ada@example.com/suspend"
OLDER = {"id": "usr_38G54Q4EBXYTQ", "email": ADA}


def failure(done: Any) -> Any:
    return json.loads(done.stderr.splitlines()[-1])["error"]


@pytest.mark.parametrize(
    "words, path, body",
    [
        (("users", "show", ADA), SHOW, OLDER),
        (("users", "list"), "/v1/users", {"items": [OLDER], "next": None}),
        (("users", "suspend", ADA, "--dry-run"), SUSPEND, {"id": "plan_1"}),
    ],
)
def test_an_answer_that_does_not_fit_names_both_versions(
    there: Any, peer: Any, words: tuple[str, ...], path: str, body: Any
) -> None:
    peer.answer("POST" if "suspend" in words else "GET", path, body)
    done = there(*words, "-o", "json")
    error = failure(done)
    assert (done.returncode, error["code"], error["detail"]) == (6, "versions_differ", "Nothing was changed.")
    assert f"is rtp 1, this is rtp {package.__version__}" in error["message"]
    assert "`" in error["message"], "what did not fit is named"
    assert done.stdout == "", "nothing is printed before it is understood"


def test_a_write_whose_answer_is_not_understood_is_not_called_refused(there: Any, peer: Any) -> None:
    peer.answer("POST", SUSPEND, OLDER)
    done = there("users", "suspend", ADA, "-o", "json")
    error = failure(done)
    assert (done.returncode, error["code"]) == (9, "answer_of_another_version")
    assert error["detail"].startswith("The server carried it out")
    [kept] = there.json("history")
    assert kept["state"] == "done"


def test_what_is_no_rtp_server_at_all_is_told_as_such(there: Any, peer: Any) -> None:
    peer._find = lambda asked: Answer(200, b"<html>", media="text/html")
    done = there("users", "show", ADA, "-o", "json")
    error = failure(done)
    assert (done.returncode, error["code"]) == (13, "foreign_answer")
    written = there("users", "suspend", ADA, "-o", "json")
    assert (written.returncode, peer.writes()) == (13, [])


def test_a_write_that_something_else_answered_has_an_unknown_outcome(there: Any, peer: Any) -> None:
    peer.answer("POST", SUSPEND, b"<html>", media="text/html")
    whoami = peer._find
    peer._find = lambda asked: Answer(200, b"<html>") if len(peer.asked) > 2 else whoami(asked)
    done = there("users", "suspend", ADA, "-o", "json")
    assert (done.returncode, failure(done)["code"]) == (9, "outcome_unknown")
