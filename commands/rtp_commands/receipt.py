"""A plan as people read it: what would change, from what to what, what would be asked of others, and the way back."""

from __future__ import annotations

from typing import Any

from rtp.operations import Change, Plan
from rtp_commands.cells import Cell, cell, minute
from rtp_commands.table import Line, flat, pairs, plain

SHOWN = 20


def lines(plan: Plan, *, wide: int, reversible: str = "") -> list[Line]:
    """The receipt: a heading, each change with its differences, queued work, and whether it can be undone."""
    result = pairs([("Plan", Cell(f"{plan.id} {plan.operation}, valid until {minute(plan.expires_at)} UTC"))], wide)
    for change in plan.changes[:SHOWN]:
        result += pairs([("  " + change.type, Cell(change.target))], wide)
        result += [[("    ", ""), *line] for line in pairs(_differences(change), wide - 4)]
    if len(plan.changes) > SHOWN:
        result += [[(f"  and {len(plan.changes) - SHOWN} more: rtp plans show {plan.id} -o json", "")]]
    for ask in plan.jobs:
        asked = ", ".join(f"{name}={cell(name, value, terminal=False).text}" for name, value in ask.args.items())
        result += pairs([("  then", Cell(f"{ask.job}({asked})"))], wide)
    if not plan.changes and not plan.jobs:
        result += [[("  nothing would change", "")]]
    return [*result, *pairs([("", Cell(reversible))], wide)] if reversible else result


def text(plan: Plan, *, reversible: str, wide: int) -> str:
    """The receipt without colour."""
    return plain(lines(plan, reversible=reversible, wide=wide)).rstrip("\n")


def _differences(change: Change) -> list[tuple[str, Cell]]:
    before, after = _flat(change.before), _flat(change.after)
    result = []
    for name in dict.fromkeys([*before, *after]):
        was, is_now = before.get(name), after.get(name)
        if was != is_now:
            new = cell(name, is_now, terminal=False)
            old = cell(name, was, terminal=False).text + " → " if before else ""
            result.append((name, Cell(old + new.text)))
    return result


def _flat(value: Any) -> dict[str, Any]:
    return flat(value) if isinstance(value, dict) else {}
