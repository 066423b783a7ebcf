"""The first screen and the list of groups: plain text made from the table, 80 columns wide."""

from __future__ import annotations

import os
import sys

from rtp_commands.main import ALIASES, PANELS, Row

WIDTH = 80
STARTERS = (
    ("up", "rtp up", "start the platform on this machine", False),
    ("demo", "rtp demo", "see an operator's day on real input", False),
    ("context", "rtp context add NAME --url URL", "use a server that runs elsewhere", False),
    ("doctor", "rtp doctor", "find out what is missing", False),
    ("today", "rtp today", "the morning page", True),
    ("users", "rtp users show E-MAIL", "one member, with what is open and why", True),
    ("refunds", "rtp refunds preview PAYMENT", "what can be returned, before doing it", True),
    ("jobs", "rtp jobs list --state dead", "work that did not go through", True),
    ("audit", "rtp audit list --since 1d", "who did what since yesterday", True),
    ("status", "rtp status", "what is running", True),
    ("history", "rtp history", "what was sent from this machine", True),
    ("commands", "rtp commands", "every command there is", True),
    ("whoami", "rtp whoami", "who the server takes you for", True),
)


def first(rows: list[Row]) -> str:
    """What `rtp` alone prints: where you are, what you most likely need, and the groups, within 80x24."""
    place, ready = _place()
    names = {row.name for row in rows}
    fitting = [entry for entry in STARTERS if entry[0] in names]
    fitting.sort(key=lambda entry: entry[3] != ready)
    lines = [
        "Run a membership business from the terminal: members, money, operations.",
        "",
        f"{_bold('Usage')}     rtp <noun> <verb> [ARG] [--flags]",
        f"{_bold('Context')}   {_fitted(place, WIDTH - 10)}",
        "",
        _bold("You most likely need"),
        *(f"  {command:<33}{what}" for _, command, what, _ in fitting[:5]),
        "",
        *_panels(rows),
        "",
        f"{_bold('Read on')}   rtp --help · rtp <noun> --help · rtp help exit-codes",
    ]
    return "\n".join(lines)


def reference(rows: list[Row]) -> str:
    """What `rtp --help` prints: every group with its line of help."""
    lines = ["Run a membership business from the terminal: members, money, operations.", ""]
    lines += [_bold("USAGE"), "  rtp <noun> <verb> [ARG] [--flags]", "  rtp [--help | --version | --debug]", ""]
    for panel in PANELS:
        listed = [row for row in rows if row.panel == panel and not row.hidden]
        if listed:
            lines += [_bold(panel.upper()), *(f"  {row.name:<16}{row.help}" for row in listed), ""]
    short = {alias: name for alias, name in ALIASES.items() if name in {row.name for row in rows}}
    if short:
        lines += [_bold("ALIASES"), "  " + ", ".join(f"{alias} = {name}" for alias, name in short.items()), ""]
    lines += [
        _bold("READ ON"),
        "  rtp <noun> --help          the verbs of a noun",
        "  rtp <noun> <verb> --help   examples, flags, effects and exit codes",
        "  rtp help exit-codes | environment | output | flags",
    ]
    return "\n".join(lines)


def _fitted(text: str, columns: int) -> str:
    """A long place with its middle left out: the name stands at its begin, the state at its end."""
    return text if len(text) <= columns else f"{text[: columns - 31]}…{text[-30:]}"


def _panels(rows: list[Row]) -> list[str]:
    lines = []
    for panel in PANELS:
        names = [row.name for row in rows if row.panel == panel and not row.hidden]
        if names:
            lines += _wrapped(panel, names)
    return lines


def _wrapped(panel: str, names: list[str]) -> list[str]:
    lines, line = [], ""
    for name in names:
        if line and 12 + len(line) + 1 + len(name) > WIDTH:
            lines.append(line)
            line = ""
        line += (" " if line else "") + name
    lines.append(line)
    head = _bold(panel) + " " * (12 - len(panel))
    return [(head if index == 0 else " " * 12) + text for index, text in enumerate(lines)]


def _place() -> tuple[str, bool]:
    """The context in one line, read from local files only, and whether a server is likely to answer."""
    from rtp_commands.here import local_place

    return local_place(os.environ)


def _bold(text: str) -> str:
    plain = "NO_COLOR" in os.environ or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[1m{text}\x1b[0m"
