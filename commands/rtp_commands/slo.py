"""`rtp slo`: what was promised, and whether it was kept."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rtp.client import Unreachable
from rtp.errors import ExitCode
from rtp.kit import data_files
from rtp.slo import documents, schemas
from rtp.slo.errors import SloNotFound, SloNotValid
from rtp.slo.reporting import as_report
from rtp.slo.schemas import AskReport, AskValidation, SloFile, SloReport, SloText, Validation
from rtp_commands.call import Call, Listing, Result, listing, read
from rtp_commands.errors import InstanceMissing, Usage
from rtp_commands.merged import merged
from rtp_commands.reporting import ReportTo, checked, written

app = typer.Typer()
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
@listing(schemas.LIST, columns=("name", "objective", "target", "window", "source"))
def list_(call: Call) -> Listing[SloFile]:
    """List SLOs: of the working folder (./slos), of the instance, and those that ship with rtp.

    Examples:
        rtp slo list
        rtp slo list -o json
    """
    found = documents.known(call.settings.home_folder())
    if broken := [slo.errors[0].file for slo in found if slo.errors]:
        call.say(f"Not readable: {', '.join(broken)}; rtp slo validate says why")
    here = [one for slo in found for one in slo.files]
    return merged(call, schemas.LIST, here, lambda one: f"{one.name} {one.objective}")


@app.command()
@read(schemas.VALIDATE, exit_codes=(10,))
def validate(call: Call, file: Files = None) -> Result:
    """Check SLO files: each mistake with its line, and what is valid but hardly meant.

    The server checks them; without one they are checked here.

    Examples:
        rtp slo validate
        rtp slo validate api-availability
    """
    result = _validated(call, _wanted(call, file))
    return Result(result, ExitCode.CHECK_FAILED if result.findings else ExitCode.OK)


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
    loaded = [documents.load(one.path, one.source) for one in _wanted(call, file)]
    if errors := [finding for slo in loaded for finding in slo.errors]:
        first = errors[0]
        raise SloNotValid(file=first.file, line=first.line, what=first.message)
    asked = AskReport(
        objectives=[one for slo in loaded for one in slo.objectives],
        window_seconds=_seconds(window),
        min_events=min_events,
    )
    judged = call.read(schemas.REPORT, asked)
    brief = call.flags.output == "table" and call.flags.fields is None
    shown = _brief(judged) if brief else judged
    return Result(shown, EXITS[judged.verdict], written(report, as_report(judged)))


def _brief(judged: SloReport) -> dict[str, Any]:
    """What fits a terminal; the other formats have everything."""
    rows = [
        {
            "objective": f"{one.slo}: {one.objective}".removesuffix(": "),
            "verdict": one.verdict,
            "target": one.target,
            "sli": one.sli,
            "good": one.good,
            "total": one.total,
            "burn": one.burn,
            "used_%": one.consumed_percent,
        }
        for one in judged.objectives
    ]
    return {"verdict": judged.verdict, "at": judged.at, "objectives": rows}


def _seconds(window: str | None) -> int | None:
    if window is None:
        return None
    seconds = documents.duration(window)
    if seconds is None or seconds > 366 * 86_400:
        raise Usage(what=f"--window {window!r} is no span of minutes, hours, days or weeks up to 366d, such as 6h")
    return seconds


def _validated(call: Call, files: list[data_files.DataFile]) -> Validation:
    here = [documents.load(file.path, file.source) for file in files]
    try:
        texts = [SloText(name=str(file.path)[-500:], text=file.path.read_text(encoding="utf-8")) for file in files]
        if len(texts) <= 100 and all(len(one.text) <= schemas.MAX_TEXT for one in texts):
            return call.read(schemas.VALIDATE, AskValidation(file=texts))
    except (OSError, UnicodeDecodeError):
        return documents.validated(here)
    except (InstanceMissing, Unreachable) as error:
        call.say(f"Checked here: {error.message}")
    return documents.validated(here)


def _wanted(call: Call, names: list[str] | None) -> list[data_files.DataFile]:
    home = call.settings.home_folder()
    if not names:
        return data_files.listed("slos", home, documents.SUFFIXES)
    try:
        return [data_files.find("slos", name, home, documents.SUFFIXES) for name in names]
    except data_files.NoSuchFile as error:
        raise SloNotFound(key=repr(str(error)), known=", ".join(error.known) or "none") from error
