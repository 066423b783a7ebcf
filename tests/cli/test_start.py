"""The root: answered from its table, quickly, and never with a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rtp_commands import main, screen

HEAVY = ["typer", "rich", "httpx", "msgspec", "json", "litestar", "sqlalchemy", "pydantic"]
LOADED = f"""
import sys
from rtp_commands.main import main
main()
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


def loaded(rtp: Any, *words: str, **env: str) -> list[str]:
    unmeasured = {name: value for name, value in rtp.env.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        env=unmeasured | env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: list[str] = json.loads(done.stderr.replace("'", '"'))
    return found


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["--version"]])
def test_the_root_screens_import_nothing_heavy(rtp: Any, words: list[str]) -> None:
    assert loaded(rtp, *words) == []


def test_completing_a_group_name_imports_nothing_heavy(rtp: Any) -> None:
    assert loaded(rtp, "us", _RTP_COMPLETE="1") == []


def test_help_of_a_group_loads_neither_httpx_nor_rich(rtp: Any) -> None:
    assert not {"httpx", "rich", "litestar", "sqlalchemy", "pydantic"} & set(loaded(rtp, "users", "--help"))


def test_the_first_screen_fits_80_by_24_with_every_row_of_the_table() -> None:
    lines = screen.first(list(main.TABLE)).splitlines()
    assert len(lines) <= 23
    assert max(len(line) for line in lines) <= 80


def test_the_reference_screen_names_every_visible_row(rtp: Any) -> None:
    text = rtp("--help").stdout
    assert all(f"\n  {row.name} " in text for row in main.rows() if not row.hidden)
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_page_of_a_leaf_tells_no_default_where_there_is_none(rtp: Any) -> None:
    text = rtp("refunds", "issue", "--help").stdout
    assert "--ticket ID" in text
    assert "Default ." not in text


def test_a_row_whose_module_is_missing_is_not_listed() -> None:
    folder = Path(main.__file__).parent
    for row in main.rows():
        assert (folder / f"{row.module}.py").exists() or (folder / row.module).is_dir()


def test_a_mistyped_group_is_guessed_and_nothing_is_run(rtp: Any) -> None:
    done = rtp("uesrs", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean users?" in done.stderr


def test_a_mistyped_verb_is_guessed(rtp: Any) -> None:
    done = rtp("users", "shwo", "ada@example.com")
    assert done.returncode == 2
    assert "Did you mean show?" in done.stderr


def test_a_mistyped_flag_is_guessed(rtp: Any) -> None:
    done = rtp("users", "list", "--serch", "x")
    assert done.returncode == 2
    assert "Did you mean --search" in done.stderr


@pytest.mark.parametrize("topic", ["exit-codes", "environment", "output", "flags"])
def test_each_help_topic_has_a_page(rtp: Any, topic: str) -> None:
    done = rtp("help", topic)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 5


def test_an_alias_reaches_its_group() -> None:
    assert all(main.ALIASES[alias] == row.name for alias in main.ALIASES if (row := main.find(alias)))


@pytest.mark.parametrize("words", ["--help", "commands -o ndjson", "help exit-codes", "users show --help"])
def test_a_closed_pipe_ends_quietly_with_0(rtp: Any, words: str) -> None:
    process = rtp.start(*words.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_an_unexpected_failure_is_told_without_a_traceback_and_with_one_when_asked(rtp: Any) -> None:
    broken = rtp.folder / "contexts"
    broken.write_text("a file where a folder should be")
    done = rtp("context", "add", "x", "--url", "http://127.0.0.1:1", RTP_CONFIG_HOME=str(rtp.folder))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "rtp --debug" in done.stderr
    shown = rtp("--debug", "context", "add", "x", "--url", "http://127.0.0.1:1", RTP_CONFIG_HOME=str(rtp.folder))
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr
