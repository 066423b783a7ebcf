"""What a plugin may call itself and add; pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

HOOKS = ("routes", "roles", "jobs", "consumers", "warmers", "providers")
"""Every hook, by the name of the function that a plugin gives; they are described in `hooks.py`."""

OURS = frozenset({"rtp", "rtp_server", "rtp_commands"})
HELP_WIDTH = 60
_GROUP = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def refusal_of_group(name: str, taken: Iterable[str]) -> str:
    """Why a command group cannot bear this name; empty when it can."""
    if not _GROUP.fullmatch(name):
        return f"{name!r} is no name for a command group: small letters, digits and -"
    if name in taken:
        return f"there is a command group {name} already"
    return ""


def refusal_of_module(module: str) -> str:
    """Why an entry point cannot lead to this module; empty when it can."""
    if not _MODULE.fullmatch(module):
        return f"its entry point {module!r} is not the full name of a module"
    top = module.partition(".")[0]
    if top in OURS or top in sys.stdlib_module_names:
        return f"its entry point {module} lies in {top}, which is not the plugin's"
    return ""


def refusal_of_operation(operation: str, path: str, roles: Iterable[str], ours: Iterable[tuple[str, str]]) -> str:
    """Why an operation cannot be served: it needs a role, and a noun and a path that are none of the platform's.

    `ours` are the platform's operations with their paths; the first part of a path stands for all below it.
    """
    area, first = operation.partition(".")[0], _first(path)
    if operation not in roles:
        return f"the operation {operation} has no role"
    for other, other_path in ours:
        if other.partition(".")[0] == area:
            return f"the operation {operation} takes the noun {area} of the platform"
        if _first(other_path) == first:
            return f"the operation {operation} takes the path /{first} of the platform"
    return ""


def one_line(text: str) -> str:
    """A distribution's summary as help: one printable line of at most 60 characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= HELP_WIDTH else line[: HELP_WIDTH - 1].rstrip() + "…"


def _first(path: str) -> str:
    return path.strip("/").partition("/")[0]
