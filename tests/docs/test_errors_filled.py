"""Whoever raises an error gives what its message, what is still true, and its next command name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp.errors import RtpError
from rtp_commands.main import ALIASES
from tools.reference.commands import tree
from tools.reference.modules import import_all, subclasses

ROOT = Path(__file__).parents[2]
PROSE = {"as", "that"}
"""What follows the name of the program where a sentence goes on, and no command."""
NAMED = re.compile(r"\{([a-z_]+)\}")


@pytest.fixture(scope="module")
def errors() -> dict[str, type[RtpError]]:
    """The errors that keep their parameters as they come, by name."""
    import_all()
    return {one.__name__: one for one in subclasses(RtpError) if one.__init__ is RtpError.__init__}


def _missing(error: type[RtpError], given: set[str]) -> set[str]:
    told = (error.__doc__ or "").partition("\n\n")[0] + error.still
    return set(NAMED.findall(told if "hint" in given else told + error.hint)) - given


def _unsaid(errors: dict[str, type[RtpError]]) -> Iterator[str]:
    """Each place that makes an error and leaves something unsaid; what is passed on as `**` is not looked into."""
    for path in (path for folder in ("src", "server", "commands") for path in sorted((ROOT / folder).rglob("*.py"))):
        tree = ast.parse(path.read_text())
        own = (
            {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)} if path.stem != "errors" else set()
        )
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name not in errors or name in own or any(one.arg is None for one in node.keywords):
                continue
            if missing := _missing(errors[name], {str(one.arg) for one in node.keywords}):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {name}: {', '.join(sorted(missing))}"


def test_no_error_is_raised_without_what_it_tells(errors: dict[str, type[RtpError]]) -> None:
    assert len(errors) > 200, "the errors were not found"
    assert list(_unsaid(errors)) == []


def test_each_command_that_an_error_names_as_the_next_one_exists() -> None:
    paths = {leaf["path"] for leaf in tree()} | {"rtp help"}
    import_all()
    unknown = [
        f"{error.code()}: {command}"
        for error in subclasses(RtpError)
        for command in re.findall(r"\brtp [a-z-]+(?: [a-z-]+)*", f"{error.hint} {error.still}")
        if command.split()[1] not in PROSE and not any(_typed(command).startswith(path) for path in paths)
    ]
    assert unknown == []


def _typed(command: str) -> str:
    _, noun, *rest = command.split()
    return " ".join(["rtp", ALIASES.get(noun, noun), *rest])
