"""A report as one HTML file that loads nothing: it can be mailed, archived and opened offline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from rtp.reports import cells
from rtp.reports.model import Moment, Report

STYLE = """
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { font-weight: 600; padding: .1rem .6rem; border-radius: 1rem; color: #fff; display: inline-block; }
.held { color: var(--good); } .failed { color: var(--bad); } .unknown { color: var(--open); }
.verdict.held { background: var(--good); color: #fff; } .verdict.failed { background: var(--bad); color: #fff; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .3rem .8rem
.3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; } th { font-weight: 600; }
td.number { text-align: right; font-variant-numeric: tabular-nums; } svg { width: 100%; height: auto; }
"""
WIDTH = 900
ROW = 22


def render(report: Report) -> str:
    """The whole page; every value is escaped, and the policy in its head forbids scripts and requests."""
    state = "held" if report.held else "failed"
    body = [
        f"<h1>{_text(report.title)}</h1>",
        f'<p><span class="verdict {state}">{_text(report.verdict)}</span> {_text(report.at)}</p>',
    ]
    if report.summary:
        body.append(f"<p>{_text(report.summary)}</p>")
    if report.checks:
        rows = ([check.name, _marked(check.outcome), check.detail] for check in report.checks)
        body += ["<h2>Checks</h2>", _table(["check", "outcome", "detail"], rows)]
    for section in report.sections:
        body += [f"<h2>{_text(section.title)}</h2>", _table([], ([n, v] for n, v in section.facts.items()))]
    for table in report.tables:
        body += [f"<h2>{_text(table.title)}</h2>", _table(table.columns, table.rows)]
    if report.timeline:
        rows = ([f"{m.seconds:.2f} s", m.at, m.what, _marked(m.outcome)] for m in report.timeline)
        body += ["<h2>Timeline</h2>", _picture(report.timeline), _table(["after", "at", "what", "outcome"], rows)]
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_text(report.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    )
    return head + "\n".join(body) + "\n</body>\n</html>\n"


class _Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def _marked(outcome: str) -> _Markup:
    return _Markup(f'<span class="{outcome}">{outcome}</span>')


def _text(value: Any) -> str:
    return value if isinstance(value, _Markup) else escape(cells.text(value))


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["<table>"]
    if columns:
        lines.append("<tr>" + "".join(f"<th>{_text(name)}</th>" for name in columns) + "</tr>")
    lines += ["<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])


def _cell(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f'<td class="number">{_text(value)}</td>' if number else f"<td>{_text(value)}</td>"


def _picture(timeline: Sequence[Moment]) -> str:
    """The moments as marks on a line of time."""
    longest = max((moment.seconds for moment in timeline), default=0.0) or 1.0
    height = ROW * len(timeline) + 8
    marks = []
    for place, moment in enumerate(timeline):
        x, y = 8 + moment.seconds / longest * (WIDTH * 0.5), ROW * place + 16
        colour = {"held": "--good", "failed": "--bad", "unknown": "--open"}[moment.outcome]
        marks.append(f'<circle cx="{x:.1f}" cy="{y - 4}" r="4" style="fill: var({colour})"/>')
        label = escape(cells.text(moment.what)[:70])
        marks.append(f'<text x="{x + 9:.1f}" y="{y}" font-size="12" fill="currentColor">{label}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Timeline">{"".join(marks)}</svg>'
