"""`rtp slo`: what was promised, and whether it was kept."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.errors import ExitCode
from rtp.kit import data_files
from rtp.slo import documents, schemas
from rtp.slo.documents import SloSet
from rtp.slo.errors import SloNotFound, SloNotValid
from rtp.slo.reporting import as_report
from rtp.slo.schemas import AskReport, Validation
from rtp_commands.call import Call, Result, local, read
from rtp_commands.errors import Usage
from rtp_commands.reporting import ReportTo, checked, written

app = typer.Typer()
SUFFIXES = (".yaml", ".yml")
EXITS = {"met": ExitCode.OK, "missed": ExitCode.CHECK_FAILED, "unknown": ExitCode.NOT_JUDGED}
Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILE|NAME]…", help="OpenSLO files, or names from `rtp slo list`; all without any."),
]
Window = Annotated[str | None, typer.Option("--window", metavar="SPAN", help="Judge this span instead: 30m, 6h, 7d.")]
Least = Annotated[
    int | None, typer.Option("--min-events", metavar="N", min=1, help="With fewer events the verdict is unknown.")
]


@app.command("list")
@local(columns=("name", "objective", "target", "window", "source"))
def list_(call: Call) -> None:
    """List the SLOs there are: in ./slos, in the instance folder, and those that ship with rtp.

    Examples:
        rtp slo list
        rtp slo list -o json
    """
    found = [_load(file) for file in _known(call)]
    call.output.many([[one for slo in found for one in slo.files]])
    if broken := [slo.errors[0].file for slo in found if slo.errors]:
        call.say(f"Not readable: {', '.join(broken)}; rtp slo validate says why")


@app.command()
@local(exit_codes=(5, 10))
def validate(call: Call, file: Files = None) -> Result:
    """Check SLO files: each mistake with its line, and what is valid but hardly meant.

    Examples:
        rtp slo validate
        rtp slo validate api-availability
    """
    found = [_load(one) for one in _wanted(call, file)]
    findings = [finding for slo in found for finding in slo.findings]
    errors = sum(finding.level == "error" for finding in findings)
    result = Validation(
        files=len(found),
        objectives=sum(len(slo.objectives) for slo in found),
        errors=errors,
        warnings=len(findings) - errors,
        findings=findings,
    )
    return Result(result, ExitCode.CHECK_FAILED if findings else ExitCode.OK)


@app.command()
@read(schemas.REPORT, exit_codes=(10, 11))
def report(
    call: Call, file: Files = None, window: Window = None, min_events: Least = None, report: ReportTo = None
) -> Result:
    """Judge SLOs from the server's history of requests: met, missed, or unknown.

    The exit code is 0 when all are met, 10 when one is missed, else 11 when one is unknown.

    Examples:
        rtp slo report
        rtp slo report api-availability --window 1h
        rtp slo report api-latency --window 1h --min-events 20 --report html:slo.html
    """
    checked(report)
    loaded = [_load(one) for one in _wanted(call, file)]
    if errors := [finding for slo in loaded for finding in slo.errors]:
        first = errors[0]
        raise SloNotValid(file=first.file, line=first.line, what=first.message)
    asked = AskReport(
        objectives=[one for slo in loaded for one in slo.objectives],
        window_seconds=_seconds(window),
        min_events=min_events,
    )
    judged = call.read(schemas.REPORT, asked)
    return Result(judged, EXITS[judged.verdict], written(report, as_report(judged)))


def _seconds(window: str | None) -> int | None:
    if window is None:
        return None
    seconds = documents.duration(window)
    if seconds is None or seconds > 366 * 86_400:
        raise Usage(what=f"--window {window!r} is no span of minutes, hours, days or weeks up to 366d, such as 6h")
    return seconds


def _known(call: Call) -> list[data_files.DataFile]:
    return data_files.listed("slos", call.settings.home_folder(), SUFFIXES)


def _wanted(call: Call, names: list[str] | None) -> list[data_files.DataFile]:
    if not names:
        return _known(call)
    try:
        return [data_files.find("slos", name, call.settings.home_folder(), SUFFIXES) for name in names]
    except data_files.NoSuchFile as error:
        raise SloNotFound(key=repr(str(error)), known=", ".join(error.known) or "none") from error


def _load(file: data_files.DataFile) -> SloSet:
    return documents.load(file.path, file.source)
