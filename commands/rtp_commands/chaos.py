"""`rtp chaos`: experiments that break parts of this machine's instance on purpose, and what came of them."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from rtp import reports
from rtp.chaos import schemas
from rtp.chaos.schemas import ChaosRun, Experiment
from rtp.errors import ExitCode, RtpError
from rtp.operations import Page
from rtp_commands.call import Call, Listing, Result, Severity, listing, read, write
from rtp_commands.errors import Usage

app = typer.Typer()
Name = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="A name of rtp chaos list, or a file.")]
ReportTo = Annotated[
    str | None, typer.Option("--report", metavar="FORMAT:FILE", help="html|md|junit|json and where to write it.")
]
COLUMNS = ("name", "title", "source", "seconds", "problems")
RUNS = ("id", "name", "verdict", "started_at")


@app.command("list")
@listing(schemas.LIST, columns=COLUMNS)
def list_(call: Call) -> Listing[Experiment]:
    """List experiments: of the working folder, of the instance, and those that ship with rtp.

    Examples:
        rtp chaos list
        rtp chaos list -o json
    """
    return _listing(call, _known(call))


@app.command()
@listing(schemas.LIST, columns=COLUMNS, exit_codes=(5,))
def validate(
    call: Call,
    experiment: Annotated[str | None, typer.Argument(metavar="[EXPERIMENT]", help="Only this one.")] = None,
) -> Result:
    """Check experiments against the Chaos Toolkit format, their functions, and what a verdict needs.

    The exit code is 2 when one is not valid.

    Examples:
        rtp chaos validate
        rtp chaos validate worker-killed
    """
    from rtp.chaos import controller, planning

    found = _known(call) if experiment is None else [planning.described(planning.find(call.settings, experiment))]
    here = [one for one in found if not one.problems]
    wrong = controller.validate(call.settings, [one.path for one in here])
    for one in here:
        one.problems = wrong[one.path]
    bad = [one for one in found if one.problems]
    for one in bad:
        call.say(f"{one.name}: {'; '.join(one.problems)}")
    return Result(_listing(call, found), ExitCode.USAGE if bad else ExitCode.OK)


@app.command()
@write(
    schemas.RECORD,
    severity=Severity.MODERATE,
    side_effects="breaks what the experiment names, mends it, writes chaos.record",
    exit_codes=(10, 11, 12),
)
def run(
    call: Call,
    name: Name,
    report: ReportTo = None,
    var: Annotated[list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="Set a variable.")] = None,
) -> Result:
    """Run an experiment on this machine's instance; Ctrl-C ends it and runs its rollbacks.

    The exit code is the verdict: 0 held, 10 deviated, 11 not in steady state at the
    start, 12 a rollback failed or could not be verified. With `--dry-run` nothing is
    touched: it shows the processes that would be hit. Experiments need the role operator
    and are refused on prod.

    Examples:
        rtp chaos run worker-killed --dry-run
        rtp chaos run worker-killed --report html:report.html
        rtp chaos run provider-slow --var latency_ms=500
    """
    from rtp_commands.chaos_run import run_here

    if call.flags.plan:
        raise Usage(what="an experiment has no stored plan: --dry-run shows what it would touch")
    return run_here(call, name, report, variables(var or []))


@app.command()
@write(
    schemas.RECORD,
    side_effects="ends the running experiment, whose rollbacks then run; writes chaos.record",
    exit_codes=(10, 11, 12, 130),
)
def halt(call: Call) -> Result:
    """End the running experiment and wait for its rollbacks; mend what one that was killed has left.

    Examples:
        rtp chaos halt
    """
    from rtp_commands.chaos_run import halt_here

    if call.flags.plan:
        raise Usage(what="halting has no stored plan: --dry-run shows what would be ended")
    return halt_here(call)


@app.command()
@read(schemas.SHOW)
def show(
    call: Call,
    run: Annotated[str, typer.Argument(metavar="RUN", help="run_… of rtp chaos history.")],
    report: ReportTo = None,
) -> Result:
    """Show a run: its verdict, why, and whether its rollbacks were verified.

    `--report` writes its journal as a report, for runs of this machine.

    Examples:
        rtp chaos show RUN
        rtp chaos show RUN --report md:run.md
    """
    from rtp_commands.chaos_run import report_of

    target = reports.parse(report) if report else None
    found = call.read(schemas.SHOW, run=run)
    if target is None:
        return Result(found)
    path = reports.write(str(report), report_of(call, found))
    return Result(found, said=f"The report is in {path}.")


@app.command()
@listing(schemas.HISTORY, columns=RUNS)
def history(call: Call) -> Listing[ChaosRun]:
    """List runs, newest first: what was run, and how it ended.

    Examples:
        rtp chaos history
        rtp chaos history --since 7d -o json
    """
    return call.list(schemas.HISTORY)


def variables(given: list[str]) -> dict[str, Any]:
    """The variables of `--var`; a value that is JSON is taken as such.

    Raises: Usage.
    """
    found: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise Usage(what=f"--var {one!r} is not NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _known(call: Call) -> list[Experiment]:
    """The experiments that this machine finds, and those that only the server's instance has."""
    from rtp.chaos import planning

    found = {one.name: one for one in planning.listed(call.settings)}
    try:
        for page in call.client.pages(schemas.LIST, limit=500):
            for one in page.items:
                found.setdefault(one.name, one)
    except RtpError as error:
        call.say(f"Only the experiments of this machine: {error.message}")
    return sorted(found.values(), key=lambda one: one.name)


def _listing(call: Call, found: list[Experiment]) -> Listing[Experiment]:
    """A page of what is all here already."""
    names = [one.name for one in found]
    begin = names.index(call.flags.cursor) + 1 if call.flags.cursor in names else 0
    end = len(found) if call.flags.all else begin + call.flags.limit
    shown: Page[Experiment] = Page(items=found[begin:end], next=names[end - 1] if end < len(found) else None)
    return Listing(iter([shown.items]), {}, shown.next)
