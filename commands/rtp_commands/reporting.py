"""The flag `--report` of commands that judge something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rtp.reports import Report

ReportTo = Annotated[
    str | None, typer.Option("--report", metavar="FORMAT:FILE", help="Write it too: html, md, junit or json.")
]


def checked(spec: str | None) -> None:
    """Refuse a report that could not be written, before anything runs.

    Raises: NoReport.
    """
    if spec is not None:
        from rtp.reports import parse

        parse(spec)


def written(spec: str | None, report: Report) -> str:
    """Write the report where one is wanted; a line that says where it lies.

    Raises: ReportNotWritten.
    """
    if spec is None:
        return ""
    from rtp.reports import write

    return f"Report: {write(spec, report)}"
