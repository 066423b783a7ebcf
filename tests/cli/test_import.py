"""Importing members: streamed, refused row by row, interrupted and resumed without doing anything twice."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

IMPORT = "/v1/users/import"


@pytest.fixture
def taking(peer: Any, made: Any) -> Any:
    """A server that takes every row, and answers a key that it knows from memory."""
    known: dict[str, Any] = {}

    def answer(asked: Any) -> Any:
        key = asked.headers["idempotency-key"]
        replayed = key in known
        known.setdefault(key, {"created": len(asked.body.splitlines()), "existing": 0, "refused": []})
        return made(200, body=known[key], headers={"Idempotency-Replayed": "true"} if replayed else {})

    peer.answers["POST", IMPORT] = answer
    return peer


def write(path: Path, *lines: str, heading: str = "email,name,timezone") -> str:
    path.write_text("\n".join([heading, *lines]) + "\n")
    return str(path)


def sent(peer: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for request in peer.writes() for line in request.body.splitlines()]


def test_rows_travel_with_their_number_in_the_file(there: Any, taking: Any) -> None:
    file = write(there.folder / "m.csv", "a@b.co,Ada,", "", '"c@d.co","=Zoë, ""李""",Asia/Tokyo')
    assert there("users", "import", file).returncode == 0
    assert sent(taking) == [
        {"row": 2, "email": "a@b.co", "name": "Ada", "timezone": "UTC"},
        {"row": 4, "email": "c@d.co", "name": '=Zoë, "李"', "timezone": "Asia/Tokyo"},
    ]


def test_columns_may_stand_in_any_order_and_a_byte_order_mark_is_no_part_of_them(there: Any, taking: Any) -> None:
    file = there.folder / "m.csv"
    file.write_bytes("\ufeffName;x".replace(";", ",").encode() + b",EMAIL\nAda,?,a@b.co\n")
    assert there("users", "import", str(file)).returncode == 0
    assert sent(taking) == [{"row": 2, "email": "a@b.co", "name": "Ada", "timezone": "UTC"}]


def test_refused_rows_are_told_one_by_one_and_exit_8(there: Any, peer: Any) -> None:
    refused = [{"row": 3, "email": "bad", "code": "invalid_row", "message": "no e-mail"}]
    peer.answer("POST", IMPORT, {"created": 1, "existing": 0, "refused": refused})
    file = there.folder / "m.csv"
    file.write_bytes(b"email,name,timezone\na@b.co,Ada,UTC\nbad,B,UTC\nshort@b.co\n\xff@b.co,C,UTC\nx\x00@b.co,D,UTC\n")
    done = there("users", "import", str(file), "-o", "json")
    assert done.returncode == 8
    assert json.loads(done.stdout) | {"file": ""} == {
        "file": "",
        "rows": 5,
        "created": 1,
        "existing": 0,
        "refused": 4,
        "batches": 1,
        "replayed": 0,
        "dry_run": False,
    }
    assert [line.split(":")[0] for line in done.stderr.splitlines()[:4]] == [
        "row 4 (short@b.co)",
        "row 5 (\\udcff@b.co)",
        "row 6 (x\\x00@b.co)",
        "row 3 (bad)",
    ]
    assert [row["row"] for row in sent(peer)] == [2, 3]


def test_refused_rows_go_to_a_file_with_formulas_made_harmless(there: Any, peer: Any) -> None:
    refused = [{"row": 2, "email": "=1+1", "code": "invalid_row", "message": "no e-mail"}]
    peer.answer("POST", IMPORT, {"created": 0, "existing": 0, "refused": refused})
    result = there.folder / "refused.csv"
    done = there("users", "import", write(there.folder / "m.csv", "=1+1,Ada,UTC"), "--result", str(result))
    assert done.returncode == 8
    with result.open() as file:
        rows = list(csv.reader(file))
    assert rows == [["row", "email", "code", "message"], ["2", "'=1+1", "invalid_row", "no e-mail"]]
    assert "no e-mail" not in done.stderr


def test_a_broken_connection_says_how_to_go_on_and_that_repeats_nothing(there: Any, taking: Any, made: Any) -> None:
    take = taking.answers["POST", IMPORT]
    lines = [f"m{number}@b.co,M {number},UTC" for number in range(12_000)]
    file = write(there.folder / "m.csv", *lines)

    def failing(asked: Any) -> Any:
        return take(asked) if len(taking.writes()) < 2 else made(drop=True)

    taking.answers["POST", IMPORT] = failing
    done = there("users", "import", file)
    assert done.returncode == 9
    resume = next(line for line in done.stderr.splitlines() if line.startswith("Go on"))
    words = resume.partition("rtp ")[2].split()
    assert words[:3] == ["users", "import", file]
    taking.answers["POST", IMPORT] = take
    again = there(*words, "-o", "json")
    assert again.returncode == 0, again.stderr
    summary = json.loads(again.stdout)
    assert (summary["rows"], summary["batches"], summary["replayed"]) == (12_000, 3, 1)
    first, second = taking.writes()[0], taking.writes()[2]
    assert (first.body, first.headers["idempotency-key"]) == (second.body, second.headers["idempotency-key"])
    assert max(len(request.body.splitlines()) for request in taking.writes()) == 5_000


def test_ctrl_c_prints_the_resume_command_and_exits_130(there: Any, peer: Any, made: Any) -> None:
    peer.answer("POST", IMPORT, hang=True)
    file = write(there.folder / "m.csv", "a@b.co,Ada,UTC")
    process = there.start("users", "import", file, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    made.until(peer.writes)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert f"rtp users import {file} --idempotency-key op_" in said.decode()
    assert there.json("history")[0]["state"] == "unknown"


@pytest.mark.parametrize("heading", ["", "name,timezone", "e-mail;name"])
def test_a_file_without_the_columns_is_not_sent(there: Any, taking: Any, heading: str) -> None:
    done = there("users", "import", write(there.folder / "m.csv", "x", heading=heading))
    assert done.returncode == 2
    assert "no column" in done.stderr
    assert taking.writes() == []


def test_a_missing_file_and_an_unwritable_result_are_usage_mistakes(there: Any, taking: Any) -> None:
    assert there("users", "import", "/no/such/file.csv").returncode == 2
    file = write(there.folder / "m.csv", "a@b.co,Ada,UTC")
    assert there("users", "import", file, "--result", "/no/such/folder/r.csv").returncode == 2
    assert taking.asked == []


def test_ids_are_refused_before_an_import_that_has_none_is_sent(there: Any, taking: Any) -> None:
    file = write(there.folder / "m.csv", "a@b.co,Ada,UTC")
    assert there("users", "import", file, "-o", "ids").returncode == 2
    assert taking.asked == []


def test_a_field_beyond_the_limit_is_one_refused_row(there: Any, taking: Any) -> None:
    file = write(there.folder / "m.csv", f"a@b.co,{'x' * 200_000},UTC", "c@d.co,Ada,UTC")
    done = there("users", "import", file)
    assert done.returncode == 8
    assert [row["email"] for row in sent(taking)] == ["c@d.co"]
