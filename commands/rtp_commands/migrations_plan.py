"""A plan of migrations as people read it: each statement, then what it locks and blocks, rewrites and scans."""

from __future__ import annotations

from rtp.migrations.schemas import MigrationPlan, StatementPlan
from rtp_commands.table import Line
from rtp_commands.words import safe

LOUD = ("writes", "reads and writes")
LONGEST = 6
"""Lines of SQL that are shown of one statement."""


def alarming(plan: MigrationPlan) -> bool:
    """Whether a statement holds up an existing table, rewrites one, or has a finding."""
    return any(
        one.findings or one.rewrites or any(lock.blocks in LOUD for lock in one.locks) for one in plan.statements
    )


def lines(plan: MigrationPlan, *, wide: int) -> list[Line]:
    """The plan: from where to where, how it was found out, each statement."""
    how = "measured on a copy of the schema" if plan.method == "shadow" else f"by rule, as {plan.why}"
    result: list[Line] = [[("Plan ", "bold"), (f"{plan.current} → {plan.target}, {how}", "")]]
    for number, one in enumerate(plan.statements, 1):
        result += [[], *_statement(number, one, wide)]
    return result


def _statement(number: int, one: StatementPlan, wide: int) -> list[Line]:
    sql = [line for line in one.sql.splitlines() if line.strip()]
    result: list[Line] = [[(f"{number}. {one.source}  ", "bold"), (_cut(sql[0], wide - 10 - len(one.source)), "")]]
    result += [[("     " + _cut(line, wide - 5), "")] for line in sql[1:LONGEST]]
    if len(sql) > LONGEST:
        result += [[(f"     … {len(sql) - LONGEST} more lines (-o json)", "")]]
    if not one.transaction:
        result += [[("   outside of a transaction", "")]]
    for lock in one.locks:
        size = f"about {lock.rows:,} rows, {lock.bytes / 1e6:,.1f} MB"
        style = "red" if lock.blocks in LOUD else ""
        what = f"{lock.table}: {lock.mode}, blocks {lock.blocks} ({size})"
        result += _wrapped("   lock     ", what, wide, style)
    if one.rewrites:
        result += _wrapped("   rewrites ", ", ".join(one.rewrites), wide, "red")
    if one.scans:
        result += _wrapped("   scans    ", ", ".join(one.scans), wide, "")
    if not one.locks:
        known = "not known by any rule" if one.by == "unknown" else "no table that is there now"
        result += [[("   lock     ", "bold"), (known, "")]]
    for finding in one.findings:
        result += _wrapped("   squawk   ", f"{finding.rule}: {finding.message}", wide, "yellow")
    return result


def _wrapped(head: str, text: str, wide: int, style: str) -> list[Line]:
    import textwrap

    chunks = textwrap.wrap(safe(text), max(20, wide - len(head)))
    first: list[Line] = [[(head, "bold"), (chunks[0], style)]]
    return first + [[(" " * len(head) + chunk, style)] for chunk in chunks[1:]]


def _cut(text: str, limit: int) -> str:
    shown = safe(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
