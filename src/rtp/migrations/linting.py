"""What squawk says about statements; it is a program of its own, run as a child."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from rtp.errors import RtpError
from rtp.migrations.schemas import Finding
from rtp.migrations.scripts import Statement

SECONDS = 60
ANSWERED = ("require-lock-timeout", "require-statement-timeout")
"""Advice that `apply` follows for every migration."""


class SquawkMissing(RtpError):
    """squawk cannot be run: {why}."""

    status = 503
    hint = "pip install --force-reinstall squawk-cli"
    still = "Nothing was changed."


class _Raw(msgspec.Struct):
    line: int
    level: str
    message: str
    rule_name: str
    help: str | None = None


def findings(statements: Sequence[Statement], server_major: int) -> list[list[Finding]]:
    """The findings of each statement, in order.

    Raises: SquawkMissing.
    """
    found: list[list[Finding]] = [[] for _ in statements]
    for transaction in (True, False):
        places = [place for place, one in enumerate(statements) if one.transaction is transaction]
        if places:
            _lint([statements[place] for place in places], places, found, transaction, server_major)
    return found


def _lint(
    statements: list[Statement], places: list[int], found: list[list[Finding]], transaction: bool, major: int
) -> None:
    owner: list[int] = []
    for place, one in zip(places, statements, strict=True):
        owner += [place] * (one.sql.count("\n") + 1)
    text = "".join(f"{one.sql};\n" for one in statements)
    for raw in msgspec.json.decode(_run(text, transaction, major), type=list[_Raw]):
        finding = Finding(rule=raw.rule_name, level=raw.level.lower(), message=raw.message, help=raw.help or "")
        found[owner[min(raw.line, len(owner) - 1)]].append(finding)


def _run(text: str, transaction: bool, major: int) -> bytes:
    words = ["--reporter", "json", "--pg-version", str(major), *(f"--exclude={rule}" for rule in ANSWERED)]
    words += ["--assume-in-transaction"] if transaction else []
    with tempfile.TemporaryDirectory(prefix="rtp-lint-") as folder:  # no configuration file lies above it
        file = Path(folder) / "plan.sql"
        file.write_text(text)
        try:
            answer = subprocess.run([_program(), *words, str(file)], capture_output=True, cwd=folder, timeout=SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SquawkMissing(why=str(error)) from error
    if not answer.stdout.startswith(b"["):
        raise SquawkMissing(why=answer.stderr.decode(errors="replace").strip() or f"exit {answer.returncode}")
    return answer.stdout


def _program() -> str:
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        if (Path(folder) / "squawk").is_file():
            return str(Path(folder) / "squawk")
    if (found := shutil.which("squawk")) is None:
        raise SquawkMissing(why="the program is not installed")
    return found
