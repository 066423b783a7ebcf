"""A report as JUnit XML: every check is a test case."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from rtp.reports import cells
from rtp.reports.model import Check, Report


def render(report: Report) -> str:
    """One suite; what was not judged is skipped, and a bad verdict without a failed check is a failure of its own."""
    checks = list(report.checks)
    if not report.held and not any(check.outcome == "failed" for check in checks):
        checks.append(Check(name="verdict", outcome="failed", detail=report.verdict))
    failed = sum(check.outcome == "failed" for check in checks)
    skipped = sum(check.outcome == "unknown" for check in checks)
    seconds = sum(check.seconds for check in checks)
    head = (
        f"<testsuite name={_attribute(report.title)} tests={_attribute(len(checks))} failures={_attribute(failed)} "
        f"errors={_attribute(0)} skipped={_attribute(skipped)} time={_attribute(f'{seconds:.3f}')} "
        f"timestamp={_attribute(report.at)}>"
    )
    facts = [
        f"      <property name={_attribute(f'{section.title}: {name}')} value={_attribute(value)}/>"
        for section in report.sections
        for name, value in section.facts.items()
    ]
    properties = ["    <properties>", *facts, "    </properties>"] if facts else []
    cases = [line for check in checks for line in _case(report, check)]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", f"  {head}", *properties, *cases]
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


def _case(report: Report, check: Check) -> list[str]:
    head = (
        f"    <testcase classname={_attribute(report.title)} name={_attribute(check.name)} "
        f"time={_attribute(f'{check.seconds:.3f}')}"
    )
    if check.outcome == "held":
        return [head + "/>"]
    if check.outcome == "unknown":
        return [head + ">", f"      <skipped message={_attribute(check.detail)}/>", "    </testcase>"]
    body = escape(cells.text(check.detail))
    failure = f"      <failure message={_attribute(check.detail)}>{body}</failure>"
    return [head + ">", failure, "    </testcase>"]


def _attribute(value: object) -> str:
    return quoteattr(cells.text(value))
