"""The difference between a catalog and what is sold, as lines for people."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import Any

from rtp.products.schemas import CatalogChange, CatalogDiff
from rtp_commands.cells import cell
from rtp_commands.table import Line
from rtp_commands.words import safe, width

MARKS = {"create": "+", "restore": "+", "change": "~", "replace": "~", "archive": "-"}
STYLES = {"+": "green", "~": "yellow", "-": "red"}
ALSO = {"replace": " (a new price: members keep theirs)", "restore": " (on sale again)"}


def lines(diff: CatalogDiff, *, wide: int) -> list[Line]:
    """Each change, what is long about it below, then the count."""
    result: list[Line] = []
    for change in diff.changes:
        mark, told = MARKS[change.action], _told(change)
        head: Line = [(f"{mark} ", STYLES[mark]), (f"{change.noun} {safe(change.key)}", "bold")]
        if len(change.noun) + len(change.key) + width(told) + 5 <= wide:
            result.append([*head, (f"  {told}", "")])
        else:
            below = textwrap.wrap(told, wide - 4, break_on_hyphens=False)
            result += [head, *([("    " + text, "")] for text in below)]
    return [*result, [(count(diff), "")]]


def count(diff: CatalogDiff) -> str:
    """How many of each: `3 to create, 1 to change, 0 to archive, 19 unchanged`."""
    marks = Counter(MARKS[change.action] for change in diff.changes)
    return f"{marks['+']} to create, {marks['~']} to change, {marks['-']} to archive, {diff.unchanged} unchanged"


def _told(change: CatalogChange) -> str:
    if change.action == "create":
        new = {name: values[1] for name, values in change.fields.items()}
        return _price(new) if change.noun == "price" else f"{safe(new['name'])} ({new['kind']})"
    changed = ", ".join(f"{name} {_text(old)} → {_text(new)}" for name, (old, new) in change.fields.items())
    return f"{changed}{ALSO.get(change.action, '')}".strip()


def _price(new: dict[str, Any]) -> str:
    every, trial = new["interval_count"], new["trial_days"]
    period = f"every {every} {new['interval']}s" if every > 1 else f"per {new['interval']}"
    return f"{_text(new['amount'])} {period}" + (f", {trial} trial days" if trial else "")


def _text(value: Any) -> str:
    return cell("value", value, terminal=False).text
