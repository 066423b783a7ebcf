"""The difference between a catalog and what is sold, as lines for people."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rtp.products.schemas import CatalogChange, CatalogDiff
from rtp_commands.cells import cell
from rtp_commands.table import Line, pairs
from rtp_commands.words import safe

MARKS = {"create": "+", "restore": "+", "change": "~", "replace": "~", "archive": "-"}
STYLES = {"+": "green", "~": "yellow", "-": "red"}
ALSO = {"replace": " (a new price: members keep theirs)", "restore": " (on sale again)"}


def lines(diff: CatalogDiff, *, wide: int) -> list[Line]:
    """One line or two per change, then the count."""
    result: list[Line] = []
    for change in diff.changes:
        mark = MARKS[change.action]
        told = ", ".join(_told(change, name, *change.fields[name]) for name in change.fields) + ALSO.get(
            change.action, ""
        )
        head: Line = [(f"{mark} ", STYLES[mark]), (f"{change.noun} {safe(change.key)}", "bold")]
        if len(change.key) + len(told) + 14 <= wide:
            result.append([*head, (f"  {told.strip()}" if told else "", "")])
        else:
            result += [head, *([("    ", ""), *line] for line in _below(told, wide - 4))]
    return [*result, [(count(diff), "")]]


def count(diff: CatalogDiff) -> str:
    """How many of each: `3 created, 1 changed, 0 archived, 19 unchanged`."""
    marks = Counter(MARKS[change.action] for change in diff.changes)
    return f"{marks['+']} to create, {marks['~']} to change, {marks['-']} to archive, {diff.unchanged} unchanged"


def _told(change: CatalogChange, name: str, before: Any, after: Any) -> str:
    new = cell(name, after, terminal=False).text
    if change.action == "create":
        return f"{name} {new}"
    return f"{name} {cell(name, before, terminal=False).text} → {new}"


def _below(text: str, wide: int) -> list[Line]:
    return [[*line[2:]] for line in pairs([("", cell("text", text.strip(), terminal=False))], wide)]
