"""Contexts: which server is meant, what is kept of it, and where a token may come from."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

import pytest

from rtp.client import Client, InsecureTarget, Target
from tests.cli.test_writes import on_a_terminal

HERE = "http://127.0.0.1:9"


def add(rtp: Any, name: str, url: str, *more: str, text: str = "") -> Any:
    return rtp("context", "add", name, "--url", url, *more, text=text)


@pytest.fixture
def bearer(rtp: Any, peer: Any) -> Any:
    """The token that a command line used for its last request."""

    def ask(*words: str, **env: str) -> str:
        peer.asked.clear()
        done = rtp("whoami", *words, **env)
        assert done.returncode == 0, done.stderr
        return str(peer.asked[-1].headers.get("authorization"))

    return ask


def test_a_flag_goes_before_rtp_url_before_rtp_context_before_the_one_in_use(rtp: Any, peer: Any, bearer: Any) -> None:
    for name in ("flag", "environment", "chosen"):
        add(rtp, name, peer.url, "--token-stdin", text=f"rtp_{name}\n")
    rtp("context", "use", "chosen")
    url = {"RTP_URL": peer.url, "RTP_TOKEN": "rtp_url"}
    named = {"RTP_CONTEXT": "environment"}
    assert bearer() == "Bearer rtp_chosen"
    assert bearer(**named) == "Bearer rtp_environment"
    assert bearer(**named, **url) == "Bearer rtp_url"
    assert bearer("--context", "flag", **named, **url) == "Bearer rtp_flag"


def test_without_anything_the_instance_on_this_machine_is_meant(rtp: Any) -> None:
    done = rtp("whoami")
    assert done.returncode == 13
    assert "Next: rtp up" in done.stderr


def test_ctrl_d_at_the_question_for_a_token_is_an_empty_one(rtp: Any) -> None:
    words = ["context", "add", "live", "--url", HERE, "--token-stdin"]
    ended, text = on_a_terminal(rtp, words, "\x04", b"Token: ")
    assert (ended, "the token is empty" in text) == (2, True), text
    assert rtp.json("context", "list") == []


def test_files_of_contexts_are_private_and_show_and_list_never_print_a_token(rtp: Any, peer: Any) -> None:
    done = add(rtp, "live", peer.url, "--token-stdin", "--use", text="rtp_secret\n")
    assert done.returncode == 0, done.stderr
    for path in (rtp.folder / "config").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    shown = done.stdout + done.stderr + rtp("context", "list").stdout + rtp("context", "show", "-o", "json").stdout
    assert "rtp_secret" not in shown
    assert rtp.json("context", "list")[0]["token"] == "stored"


def test_a_token_file_is_read_at_each_use(rtp: Any, peer: Any, bearer: Any) -> None:
    file = rtp.folder / "token.txt"
    file.write_text("rtp_first\n")
    add(rtp, "live", peer.url, "--token-file", str(file), "--use")
    file.write_text("rtp_second\n")
    assert bearer() == "Bearer rtp_second"
    file.unlink()
    assert rtp("whoami").returncode == 2


def test_no_flag_anywhere_takes_a_token(rtp: Any) -> None:
    flags = [name for command in rtp.json("commands") for flag in command["flags"] for name in flag["names"]]
    assert [name for name in flags if "token" in name] == ["--token-stdin", "--token-file"]


def test_a_token_is_in_no_argv_while_a_command_runs(there: Any, peer: Any, made: Any) -> None:
    peer.answer("GET", "/v1/users", hang=True)
    process = there.start("users", "list", stderr=-3)
    made.until(lambda: peer.asked)
    with open(f"/proc/{process.pid}/cmdline", "rb") as file:
        assert b"rtp_secret" not in file.read()
    process.kill()
    process.wait()


def test_the_environment_class_comes_from_the_server(rtp: Any, peer: Any) -> None:
    peer.environment = "staging"
    add(rtp, "dev", peer.url)
    assert rtp.json("context", "show", "dev")["environment"] == "staging"


def test_the_first_screen_names_the_context_and_its_class(rtp: Any, peer: Any) -> None:
    peer.environment = "prod"
    add(rtp, "live", peer.url, "--use")
    assert f"live (prod) · {peer.url}" in rtp().stdout


@pytest.mark.parametrize(
    "url", ["http://example.com", "http://10.0.0.1:8080", "ftp://127.0.0.1", "example.com", "http://[::2]"]
)
def test_only_https_or_loopback_is_spoken_to(rtp: Any, url: str) -> None:
    assert add(rtp, "x", url).returncode == 2
    assert rtp("users", "list", RTP_URL=url).returncode == 2
    with pytest.raises(InsecureTarget):
        Client(Target("x", url=url))


def test_a_url_with_a_password_is_refused(rtp: Any) -> None:
    done = add(rtp, "x", "https://me:secret@example.com")
    assert done.returncode == 2
    assert "secret" not in done.stderr


def test_a_server_that_is_away_can_still_be_added(rtp: Any) -> None:
    done = add(rtp, "later", HERE)
    assert done.returncode == 0
    assert "No server answers" in done.stderr


def test_an_unknown_context_lists_the_known_ones(rtp: Any) -> None:
    add(rtp, "here", HERE)
    done = rtp("users", "list", "--context", "hree")
    assert done.returncode == 5
    assert "Known are: here" in done.stderr


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "current", "x" * 65])
def test_a_name_that_would_leave_the_folder_is_refused(rtp: Any, name: str) -> None:
    assert add(rtp, name, HERE).returncode == 2


def test_removing_the_context_in_use_goes_back_to_this_machine(rtp: Any) -> None:
    add(rtp, "here", HERE, "--use")
    assert "Forgotten: here. From now on: the instance on this machine." in rtp("context", "remove", "here").stderr
    assert rtp.json("context", "list") == []
    assert not (rtp.folder / "config" / "contexts" / "current").exists()


def test_local_goes_back_to_this_machine(rtp: Any) -> None:
    add(rtp, "here", HERE, "--use")
    assert rtp("context", "use", "local").returncode == 0
    assert rtp("whoami").returncode == 13


def test_any_request_can_be_sent_and_a_write_of_it_is_journalled(there: Any, peer: Any) -> None:
    peer.answer("GET", "/v1/users", {"items": [], "next": None})
    assert there.json("api", "GET", "/users", "--query", "limit=5") == {"items": [], "next": None}
    assert peer.asked[-1].query == {"limit": "5"}
    peer.answer("POST", "/v1/users", {"id": "usr_1"}, 201)
    body = there.folder / "body.json"
    body.write_text(json.dumps({"email": "a@b.co"}))
    assert there("api", "POST", "/users", "--body", f"@{body}").returncode == 0
    assert there("api", "post", "/users", "--body", "-", text='{"email": "a@b.co"}').returncode == 0
    assert [sent.json() for sent in peer.writes()] == [{"email": "a@b.co"}] * 2
    assert len({sent.headers["idempotency-key"] for sent in peer.writes()}) == 2
    assert [entry["state"] for entry in there.json("history")] == ["done", "done"]
    assert there("retry", there.json("history")[0]["id"]).returncode == 0
    assert peer.writes()[-1].json() == {"email": "a@b.co"}


@pytest.mark.parametrize("body", ["{", "@/no/such/file", "@"])
def test_a_body_that_is_no_json_is_not_sent(there: Any, peer: Any, body: str) -> None:
    assert there("api", "POST", "/users", "--body", body).returncode == 2
    assert peer.asked == []


def test_a_proxy_of_the_environment_is_not_used_for_loopback(there: Any, peer: Any) -> None:
    peer.answer("GET", "/v1/users", {"items": [], "next": None})
    assert there("users", "list", HTTP_PROXY="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9").returncode == 0


def test_the_test_process_itself_has_no_token() -> None:
    assert "RTP_TOKEN" not in os.environ
