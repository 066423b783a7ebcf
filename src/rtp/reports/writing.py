"""Writing a report where `--report FORMAT:FILE` says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from rtp.errors import InvalidInput
from rtp.reports import html, junit, markdown
from rtp.reports.model import Report


class Target(NamedTuple):
    """A format and a file."""

    format: str
    path: Path


class NoReport(InvalidInput):
    """{spec} names no report: {why}."""

    hint = "--report html:report.html"
    still = "Nothing was run."


class ReportNotWritten(InvalidInput):
    """The report {path} cannot be written: {why}."""

    still = "The run itself has ended; its own record is kept."


def _json(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report, enc_hook=str)).decode() + "\n"


FORMATS: dict[str, Callable[[Report], str]] = {
    "html": html.render,
    "md": markdown.render,
    "junit": junit.render,
    "json": _json,
}


def parse(spec: str) -> Target:
    """The format and the file of `FORMAT:FILE`; to be asked before anything runs.

    Raises: NoReport.
    """
    kind, colon, name = spec.partition(":")
    if kind not in FORMATS or not colon:
        raise NoReport(spec=repr(spec), why=f"it is {'|'.join(FORMATS)}, a colon and a file")
    if not name:
        raise NoReport(spec=repr(spec), why="the file is missing after the colon")
    path = Path(name).expanduser()
    if os.path.isdir(path) or not os.path.isdir(path.absolute().parent):  # pathlib's raises for a name too long
        raise NoReport(spec=repr(spec), why="that is a folder" if os.path.isdir(path) else "its folder does not exist")
    return Target(kind, path)


def render(kind: str, report: Report) -> str:
    """The report as text of a format."""
    return FORMATS[kind](report)


def write(spec: str, report: Report) -> Path:
    """Write a report in one step, so that nobody reads half of it; where it lies.

    Raises: NoReport, ReportNotWritten.
    """
    target = parse(spec)
    text = render(target.format, report)
    fresh = target.path.with_name(f".report.{os.getpid()}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, target.path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ReportNotWritten(path=target.path, why=error.strerror or error) from error
    return target.path
