"""Completion: words offline, values from the server, through a real shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rtp.testing.instance import RTP


def complete(rtp: Any, *words: str, **env: str) -> list[str]:
    done = rtp(*words, _RTP_COMPLETE="1", **env)
    assert done.returncode == 0, done.stderr
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "words, found",
    [
        (["us"], ["users"]),
        (["users", "sh"], ["show"]),
        (["users", "list", "--st"], ["--status"]),
        (["users", "list", "--status", ""], ["active", "suspended"]),
        (["users", "list", "--limit", "5", "-o", "nd"], ["ndjson"]),
        (["help", "exit"], ["exit-codes"]),
        (["completion", "show", "z"], ["zsh"]),
        (["nothing", "x"], []),
        (["users", "nothing", "x"], []),
    ],
)
def test_words_flags_and_choices_are_completed_offline(rtp: Any, words: list[str], found: list[str]) -> None:
    assert complete(rtp, *words) == found


def test_e_mails_come_from_the_server(there: Any, peer: Any, made: Any) -> None:
    peer.answer("GET", "/v1/users", {"items": [made.user], "next": None})
    assert complete(there, "users", "show", "ad") == ["ada@example.com"]
    assert peer.asked[-1].query == {"limit": "20", "search": "ad"}
    assert there("completion", "values", "users", "ad", "-o", "ids").stdout == "ada@example.com\n"


def test_a_server_that_is_away_or_answers_nonsense_is_silence(rtp: Any, there: Any, peer: Any) -> None:
    peer.answer("GET", "/v1/users", ["nonsense"])
    assert complete(there, "users", "show", "ad") == []
    assert complete(rtp, "users", "show", "ad", RTP_URL="http://127.0.0.1:9") == []


def test_contexts_are_completed_from_this_machine(rtp: Any) -> None:
    rtp("context", "add", "staging", "--url", "http://127.0.0.1:9")
    assert complete(rtp, "users", "list", "--context", "st") == ["staging"]
    assert complete(rtp, "context", "use", "st") == ["staging"]


@pytest.mark.parametrize(
    "line, found",
    [("rtp us", ["users"]), ("rtp users show ad", ["ada@example.com"]), ("rtp users show ada@ex", ["example.com"])],
)
def test_bash_completes_a_line_also_within_an_e_mail(
    there: Any, peer: Any, made: Any, line: str, found: list[str]
) -> None:
    peer.answer("GET", "/v1/users", {"items": [made.user], "next": None})
    words = line.replace("@", " @ ").split(" ")
    script = f"""
        source <(rtp completion show bash)
        COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({" ".join(words)}) COMP_CWORD={len(words) - 1}
        _rtp_complete
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{Path(RTP).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env=there.env | {"PATH": path}, capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout.split(), done.stderr) == (found, "")


def test_installing_twice_changes_nothing_more(rtp: Any) -> None:
    assert rtp("completion", "install", "bash").returncode == 0
    first = (rtp.folder / ".bashrc").read_text()
    assert rtp("completion", "install", "bash").returncode == 0
    assert (rtp.folder / ".bashrc").read_text() == first
    assert rtp("completion", "install", "fish").returncode == 0
    assert (rtp.folder / ".config" / "fish" / "completions" / "rtp.fish").exists()
