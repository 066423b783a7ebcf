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


def no_such_route(status: int = 404) -> dict[str, Any]:
    """What a server answers to a path, or to a method on it, that it does not know."""
    if status == 405:
        what = "this method is not allowed here"
        return {"code": "bad_request", "status": 405, "detail": what, "exit_code": 2, "params": {"what": what}}
    named = {"noun": "path", "key": "here"}
    return {"code": "not_found", "status": 404, "detail": "There is no path here.", "exit_code": 5, "params": named}


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize(
    "theirs, said, hint",
    [
        ("0.0.9", "it is rtp 0.0.9, older than this rtp {ours}", "upgrade that server to rtp {ours}, or here: pip"),
        ("99.1", "it is rtp 99.1, newer than this rtp {ours}", "pip install rtp==99.1"),
        (
            package.__version__,
            "it is rtp {ours}, as this one is, so it was likely started before",
            "restart that server",
        ),
    ],
)
def test_an_operation_that_the_server_does_not_have_is_told_with_both_versions(
    there: Any, peer: Any, status: int, theirs: str, said: str, hint: str
) -> None:
    peer.version = theirs
    peer.answer("POST", SUSPEND, no_such_route(status), status=status, media="application/problem+json")
    done = there("users", "suspend", ADA, "-o", "json")
    error = failure(done)
    assert (done.returncode, error["code"], error["detail"]) == (6, "operation_unknown", "Nothing was changed.")
    assert "does not know users.suspend: " + said.format(ours=package.__version__) in error["message"]
    assert error["hint"].startswith(hint.format(ours=package.__version__))
    [kept] = there.json("history")
    assert kept["state"] == "refused"


def test_a_member_who_is_not_there_is_no_operation_that_is_not_there(there: Any, peer: Any) -> None:
    missing = {"code": "user_not_found", "status": 404, "detail": "There is no user.", "exit_code": 5}
    peer.answer("GET", SHOW, missing, status=404, media="application/problem+json")
    done = there("users", "show", ADA, "-o", "json")
    assert (done.returncode, failure(done)["code"]) == (5, "user_not_found")


def test_a_path_that_was_typed_is_not_found_whatever_the_versions(there: Any, peer: Any) -> None:
    peer.answer("GET", "/v1/moon", no_such_route(), status=404, media="application/problem+json")
    done = there("api", "GET", "/moon", "-o", "json")
    assert (done.returncode, failure(done)["code"]) == (5, "not_found")


def test_a_server_that_does_not_say_its_version_has_the_plain_answer_shown(there: Any, peer: Any) -> None:
    peer.answer("GET", SHOW, no_such_route(), status=404, media="application/problem+json")
    find = peer._find
    peer._find = lambda asked: Answer(500, b"") if asked.path == "/v1/whoami" else find(asked)
    done = there("users", "show", ADA, "-o", "json")
    assert (done.returncode, failure(done)["code"]) == (5, "not_found")
