"""How soon a command answers, against an interpreter that does nothing but start or import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial

from bench import platform
from bench.frame import Case, Measured, alternately
from rtp.testing.instance import RTP

NOTHING = [sys.executable, "-c", "pass"]
TYPER = [sys.executable, "-c", "import typer"]
CLIENT = [sys.executable, "-c", "import typer, httpx"]


def process(command: list[str], **variables: str) -> Callable[[], object]:
    """A call that runs a command to its end, its output thrown away."""
    unwanted = ("PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted} | variables
    return partial(subprocess.run, command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def against(floor: list[str], *arguments: str, **variables: str) -> Callable[[bool], Measured]:
    """Compare `rtp ARGUMENTS` with a floor; a command that fails measures nothing."""

    def run(quick: bool) -> Measured:
        ours = process([RTP, *arguments], **variables)
        tried = subprocess.run(
            [RTP, *arguments], env=os.environ | variables, capture_output=True, text=True, check=False
        )
        if tried.returncode != 0:
            lines = tried.stderr.strip().splitlines() or ["no message"]
            return Measured(missing=f"rtp {' '.join(arguments)} exits {tried.returncode}: {lines[-1]}")
        return Measured(alternately(ours, process(floor), pairs=5 if quick else 40))

    return run


def show_on_an_instance(quick: bool) -> Measured:
    """Compare `rtp users show E-MAIL -o json` on a warm instance with the imports that it cannot do without."""
    instance = platform.shared()
    instance("users", "create", MEMBER, "--name", "Ada Lovelace")
    return against(CLIENT, "users", "show", MEMBER, "-o", "json", **instance.environment())(quick)


MEMBER = "ada@example.com"
CASES = [
    Case("startup-version", "python -c pass", 2.0, "lower", against(NOTHING, "--version")),
    Case("startup-bare", "python -c pass", 2.0, "lower", against(NOTHING)),
    Case("startup-help", "python -c pass", 2.0, "lower", against(NOTHING, "--help")),
    Case("startup-completion", "python -c pass", 2.0, "lower", against(NOTHING, "us", _RTP_COMPLETE="1")),
    Case("startup-group-help", "python -c 'import typer'", 1.3, "lower", against(TYPER, "users", "--help")),
    Case("startup-show", "python -c 'import typer, httpx'", 1.3, "lower", show_on_an_instance),
]
