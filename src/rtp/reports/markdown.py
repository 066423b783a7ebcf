"""A report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from rtp.reports import cells
from rtp.reports.model import Report

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def render(report: Report) -> str:
    """Headings, lists and tables; text is escaped, so that no value becomes markup."""
    parts = [f"# {escape(report.title)}", f"**{escape(report.verdict)}** · {escape(report.at)}"]
    if report.summary:
        parts.append(escape(report.summary))
    if report.checks:
        parts.append("## Checks")
        parts.append(table(["check", "outcome", "detail"], ([c.name, c.outcome, c.detail] for c in report.checks)))
    for section in report.sections:
        parts.append(f"## {escape(section.title)}")
        parts.append("\n".join(f"- {escape(name)}: {escape(value)}" for name, value in section.facts.items()))
    for one in report.tables:
        parts += [f"## {escape(one.title)}", table(one.columns, one.rows)]
    if report.timeline:
        parts.append("## Timeline")
        moments = ([f"{m.seconds:.2f}", m.at, m.what, m.outcome] for m in report.timeline)
        parts.append(table(["seconds", "at", "what", "outcome"], moments))
    return "\n\n".join(part for part in parts if part) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table with a heading."""
    lines = [line(columns), "|" + "---|" * len(columns)]
    return "\n".join([*lines, *(line(row) for row in rows)])


def line(row: Sequence[Any]) -> str:
    """One row."""
    return "| " + " | ".join(escape(cell) for cell in row) + " |"


def escape(value: Any) -> str:
    """A value that no Markdown reader takes for markup, on one line."""
    return " ".join(_SPECIAL.sub(r"\\\1", cells.text(value)).split())
