"""A plan and a refund as people read them: what would change, what would be asked of others, what cannot be undone."""

from __future__ import annotations

import shlex
from typing import Any

from rtp.kit.money import Money
from rtp.operations import Change, Plan
from rtp.refunds.schemas import RefundPreview, RefundReview
from rtp_commands.arguments import Asked, AskedLine
from rtp_commands.cells import Cell, cell, minute
from rtp_commands.table import Line, flat, pairs
from rtp_commands.words import pad, safe, width

SHOWN = 20


def lines(plan: Plan, *, wide: int, reversible: str = "") -> list[Line]:
    """The receipt: a heading, each change with its differences, queued work, and whether it can be undone."""
    result = _plan(plan, wide)
    for change in plan.changes[:SHOWN]:
        result += pairs([("  " + change.type, Cell(change.target))], wide)
        result += [[("    ", ""), *line] for line in pairs(_differences(change), wide - 4)]
    if len(plan.changes) > SHOWN:
        result += [[(f"  and {len(plan.changes) - SHOWN} more: rtp plans show {plan.id} -o json", "")]]
    for ask in plan.jobs:
        asked = ", ".join(f"{name}={cell(name, value, terminal=False).text}" for name, value in ask.args.items())
        result += pairs([("  then", Cell(f"{ask.job}({asked})"))], wide)
    if not plan.changes and not plan.jobs:
        return [*result, [("  nothing would change", "")]]
    return [*result, *pairs([("", Cell(reversible))], wide)] if reversible else result


def brief(plan: Plan, *, wide: int) -> list[Line]:
    """The plan below a receipt that has said the rest: its id, what it changes and what work it queues."""
    rows = [(f"  {change.type}", Cell(change.target)) for change in plan.changes[:SHOWN]]
    left = len(plan.changes) - SHOWN
    rows += [("  and", Cell(f"{left} more"))] if left > 0 else []
    return [*_plan(plan, wide), *pairs([*rows, *(("  then", Cell(ask.job)) for ask in plan.jobs)], wide)]


def _plan(plan: Plan, wide: int) -> list[Line]:
    return pairs([("Plan", Cell(f"{plan.id} {plan.operation}, valid until {minute(plan.expires_at)} UTC"))], wide)


BLANK: tuple[Any, ...] = (None, "", [], {})
"""Values that say nothing: a field that stays one of them, or that reads the same, is no difference to tell."""
MONEY = 13
"""Columns of an amount, more where one is longer."""
STATES = {"ok": ("ok", "green"), "approval": ("waits", "yellow"), "refused": ("REFUSED", "red")}
"""What one rule says, as a word and its colour."""
LOUD = {"WARNING": "yellow", "REFUSED": "red"}


def refund(preview: RefundPreview, *, wide: int, environment: str, why: str = "", note: str = "") -> list[Line]:
    """A refund before it is made: who, what of each line, what is left, what the policy says, what stays as it is.

    `why` is its reason with the ticket, where they are known already.
    """
    version = preview.policy_version
    said = f"version {version}" if version else "none is applied (rtp refunds policy apply FILE)"
    asked = [("Asked by", f"{preview.actor}, on {environment}{': ' if why else ''}{why}"), ("Note", note)]
    return _page(preview, [*_about(preview), *asked], ("Policy", said), wide)


def review(shown: RefundReview, *, wide: int, environment: str) -> list[Line]:
    """A refund before another person approves it: as its preview, and who issued it, why, and whether they may."""
    issued = f"{shown.issued_by}, {minute(shown.issued_at.isoformat())} UTC: {reason(shown.reason, shown.ticket)}"
    asked = [("Issued by", issued), ("Note", shown.note), ("Second look", f"{shown.actor}, on {environment}")]
    because = f": {shown.held_because}" if shown.held_because else ""
    head = [("Refund", f"{shown.refund}, {shown.state}{because}"), *_about(shown), *asked]
    may = "may give it" if shown.allowed else "may not give it"
    return _page(shown, head, ("Approval", f"{shown.actor} {may}"), wide)


def reason(code: str, ticket: str) -> str:
    """Why, in words, with the support case."""
    return code.replace("_", " ") + (f", ticket {ticket}" if ticket else "")


def _about(preview: RefundPreview) -> list[tuple[str, str]]:
    card = f"{preview.card_brand} ending {preview.card_last_four}" if preview.card_last_four else "the card"
    return [
        ("Payment", f"{preview.payment_id}, {preview.purpose}"),
        ("Member", f"{preview.email} ({preview.user_id})"),
        ("Back to", f"{card}, which paid it, and nowhere else"),
    ]


def _page(preview: RefundPreview, head: list[tuple[str, str]], rules: tuple[str, str], wide: int) -> list[Line]:
    foot = [
        ("Subscription", preview.subscription),
        ("Access", preview.access),
        ("Approval", preview.approval),
        ("Final", preview.final),
        ("WARNING", preview.warning),
        ("REFUSED", preview.refusal),
    ]
    return [
        *_named([(name, text) for name, text in head if text], wide),
        [],
        *_amounts(preview, wide),
        [],
        *_rules(preview, rules, wide),
        [],
        *_named([(name, text) for name, text in foot if text], wide),
    ]


def command(
    payment: str,
    amount: Asked | None,
    lines: list[AskedLine] | None,
    *,
    net: bool,
    cancel: str | None,
    revoke: bool,
    ticket: str = "",
) -> str:
    """The command that carries out what was previewed."""
    words = ["rtp", "refunds", "issue", payment]
    words += ["--amount", f"{amount.text} {amount.currency or ''}".strip()] if amount else []
    words += [word for line in lines or [] for word in ("--line", line.text)]
    words += ["--net"] if net else []
    words += ["--cancel-subscription", cancel] if cancel else []
    words += ["--revoke-access"] if revoke else []
    words += ["--ticket", ticket] if ticket else []
    return f"{shlex.join(words)} --reason CODE"


def _amounts(preview: RefundPreview, wide: int) -> list[Line]:
    """One row a line of the payment, the sum under a rule, and what it leaves of the payment."""
    every = [preview.captured, preview.amount, *(line.net + line.tax for line in preview.lines)]
    size = max(MONEY, *(len(_digits(one)) + 2 for one in every))
    room = wide - 4 * size

    def columns(*amounts: Money) -> str:
        return "".join(pad(_digits(one), size, right=True) for one in amounts)

    heading = "".join(pad(name, size, right=True) for name in ("net", "tax", "refund", "left"))
    rows: list[Line] = [[(pad(f"In {preview.amount.currency}", room) + heading, "bold")]]
    for line in preview.lines:
        pieces = f" ({line.quantity} pieces)" if line.quantity else ""
        named = _cut(f"{line.position}  {safe(line.description)}{pieces}", room)
        rows.append([(named + columns(line.net, line.tax, line.net + line.tax, line.left), "")])
    rows.append([("-" * wide, "dim")])
    rows.append([(pad("Refund", room) + columns(preview.net, preview.tax, preview.amount), "bold")])
    sums = (("Captured", preview.captured), ("Refunded so far", preview.refunded), ("Left after it", preview.left))
    return [*rows, *([(pad(name, room) + " " * size * 2 + columns(money), "")] for name, money in sums)]


def _rules(preview: RefundPreview, heading: tuple[str, str], wide: int) -> list[Line]:
    rows = [(heading[0], Cell(heading[1]))]
    for one in preview.findings:
        word, style = STATES[one.state]
        rows.append((f"  {one.rule}", Cell(f"{word}: {safe(one.detail)}", style=style)))
    return pairs(rows, wide)


def _named(rows: list[tuple[str, str]], wide: int) -> list[Line]:
    return pairs([(name, Cell(safe(text), style=LOUD.get(name, ""))) for name, text in rows], wide)


def _digits(amount: Money) -> str:
    return str(amount).partition(" ")[0]


def _cut(text: str, room: int) -> str:
    if width(text) < room:
        return pad(text, room)
    while width(text) > room - 2:
        text = text[:-1]
    return pad(text + "…", room)


def _differences(change: Change) -> list[tuple[str, Cell]]:
    before, after = _flat(change.before), _flat(change.after)
    result = []
    for name in dict.fromkeys([*before, *after]):
        was, is_now = before.get(name), after.get(name)
        if was == is_now or (was in BLANK and is_now in BLANK):
            continue
        old, new = cell(name, was, terminal=False).text, cell(name, is_now, terminal=False).text
        if old != new:
            result.append((name, Cell(f"{old or '-'} → {new or '-'}" if before else new)))
    return result


def _flat(value: Any) -> dict[str, Any]:
    return flat(value) if isinstance(value, dict) else {}
