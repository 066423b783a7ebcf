"""The pages of the commands, from the tree that `rtp commands` prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tools.reference.text import cell, table

RTP = Path(sys.executable).parent / "rtp"
TOP = "rtp"
"""Page of the commands that have no noun."""


def command_pages() -> dict[str, str]:
    """One page per group and an index, by file name."""
    found = groups()
    pages = {f"{group}.md": page(group, leaves) for group, leaves in found.items()}
    return pages | {"README.md": index(found)}


@cache
def tree() -> list[dict[str, Any]]:
    """Every command of an `rtp` without plugins, contexts or settings of the person who asks."""
    with tempfile.TemporaryDirectory(prefix="rtp-reference-") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RTP_", "XDG_"))}
        environment = kept | {"RTP_CONFIG_HOME": folder, "RTP_HOME": folder, "COLUMNS": "100"}
        command = [str(RTP), "commands", "-o", "json"]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"rtp commands ended with {done.returncode}: {done.stderr}")
    leaves: list[dict[str, Any]] = json.loads(done.stdout)
    return leaves


def groups() -> dict[str, list[dict[str, Any]]]:
    """The commands by noun, in the order of the tree."""
    found: dict[str, list[dict[str, Any]]] = {}
    for leaf in tree():
        words = leaf["path"].split()
        found.setdefault(words[1] if len(words) > 2 else TOP, []).append(leaf)
    return found


def index(found: dict[str, list[dict[str, Any]]]) -> str:
    """All commands on one page."""
    rows = [
        [f"[`{leaf['path']}`]({group}.md#{leaf['path'].replace(' ', '-')})", cell(leaf["help"])]
        for group, leaves in sorted(found.items())
        for leaf in leaves
    ]
    return "# Commands\n\nThe flags that all commands share: `rtp help flags`.\n\n" + table(["Command", ""], rows)


def page(group: str, leaves: list[dict[str, Any]]) -> str:
    """One group's page."""
    title = "Commands without a noun" if group == TOP else f"rtp {group}"
    return f"# {title}\n\n" + "\n".join(section(leaf) for leaf in leaves)


def section(leaf: dict[str, Any]) -> str:
    """One command: what it does, examples, its own flags, effect, exit codes."""
    parts = [
        f"## {leaf['path']}\n",
        leaf["text"].strip() + "\n",
        "```\n" + "\n".join([leaf["usage"], *examples(leaf)]) + "\n```\n",
    ]
    own = [flag for flag in leaf["flags"] if not flag["shared"]]
    if own:
        parts.append(table(["Argument or flag", "Meaning"], [flag_row(flag) for flag in own]))
    parts.append("\n".join(f"- {line}" for line in facts(leaf)) + "\n")
    return "\n".join(parts)


def examples(leaf: dict[str, Any]) -> list[str]:
    """The examples as a reader types them."""
    return [f"$ {example}" for example in leaf["examples"]]


def flag_row(flag: dict[str, Any]) -> list[str]:
    """A flag's names and what it means."""
    names = ", ".join(flag["names"]) if flag["kind"] in ("option", "switch") else (flag["metavar"] or flag["name"])
    value = f" {flag['metavar']}" if flag["kind"] == "option" and flag["metavar"] else ""
    choices = f" One of {', '.join(flag['choices'])}." if flag["choices"] else ""
    required = " Required." if flag["required"] and flag["kind"] == "option" else ""
    return [f"`{cell(names + value)}`", cell(flag["help"] + choices + required)]


def facts(leaf: dict[str, Any]) -> list[str]:
    """Effect, way back, operations and exit codes, a line each."""
    operations = ", ".join(f"`{operation}`" for operation in leaf["operations"]) or "none"
    lines = [f"Kind: {leaf['kind']}; operations: {operations}"]
    if leaf["side_effects"]:
        lines.append(f"Effect: {leaf['side_effects']}")
    if leaf["reversible"]:
        lines.append(f"Undone by: `{leaf['reversible']}`")
    elif leaf["final"]:
        lines.append("Final: no command undoes it")
    lines.append(f"Exit codes: {', '.join(map(str, leaf['exit_codes']))} ([table](../exit-codes.md))")
    return lines
