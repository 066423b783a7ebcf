"""`rtp load`: send load to a platform on purpose, and judge how it was borne."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from rtp.loadtests import schemas
from rtp.loadtests.reporting import as_report
from rtp.loadtests.schemas import MAX_USERS, LoadRun, LoadTest
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Result, Severity, listing, read, write
from rtp_commands.errors import Usage
from rtp_commands.merged import merged
from rtp_commands.reporting import ReportTo, checked, written

app = typer.Typer()
Name = Annotated[str, typer.Argument(metavar="LOADTEST", help="A name from `rtp load list`, or a profile's file.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", parser=id_or_key("run", "run"), help="Id (run_…).")]
Users = Annotated[
    int | None, typer.Option("--users", metavar="N", min=1, max=MAX_USERS, help="As many instead of the profile's.")
]
Duration = Annotated[
    str | None, typer.Option("--duration", metavar="SPAN", help="20s or 5m instead of the profile's; at most 10m.")
]
Remote = Annotated[bool, typer.Option("--allow-remote", help="The target may be another machine.")]
RUNS = ("id", "name", "verdict", "requests", "failures", "started_at")


@app.command("list")
@listing(schemas.LIST, columns=("name", "description", "role", "users", "seconds", "source", "problem"))
def list_(call: Call) -> Listing[LoadTest]:
    """List load tests: of the working folder, of the instance, and those that ship with rtp.

    Examples:
        rtp loadtests list
        rtp loadtests list -o json
    """
    from rtp.loadtests import profiles

    return merged(call, schemas.LIST, profiles.listed(call.settings.home_folder()), lambda one: one.name)


@app.command()
@write(
    schemas.FINISH,
    schemas.START,
    severity=Severity.MODERATE,
    side_effects="sends requests as fast as the profile says; a support journey issues real refunds",
    exit_codes=(10, 11),
)
def run(
    call: Call,
    name: Name,
    users: Users = None,
    duration: Duration = None,
    allow_remote: Remote = False,
    report: ReportTo = None,
) -> Result:
    """Run a load test with locust and judge it by its thresholds; Ctrl-C ends it and keeps what was measured.

    The exit code is 0 when all thresholds held, 10 when one did not, 11 without data.
    The run gets a token of its own, which is ended with it. It needs the role operator
    and is refused on prod. With `--dry-run` it shows what would be run.

    Examples:
        rtp loadtests run member --dry-run
        rtp loadtests run member --users 5 --duration 20s --report html:load.html
    """
    from rtp_commands.loadtests_run import run_here

    if call.flags.plan:
        raise Usage(what="a load test has no stored plan: --dry-run shows what would be run")
    checked(report)
    done = run_here(call, name, users=users, duration=duration, allow_remote=allow_remote)
    if not isinstance(done.value, LoadRun):
        return done
    call.say(done.said)
    return Result(_shown(call, done.value), done.exit_code, written(report, as_report(done.value)))


@app.command()
@read(schemas.SHOW)
def show(call: Call, run: RunId, report: ReportTo = None) -> Result:
    """Show a run: its figures, and how each threshold was judged.

    Examples:
        rtp loadtests show run_01M82JBJ04FCP9T6B4JW1RNYHP
        rtp loadtests show run_01M82JBJ04FCP9T6B4JW1RNYHP --report md:run.md
    """
    checked(report)
    found = call.read(schemas.SHOW, run=run)
    return Result(_shown(call, found), said=written(report, as_report(found)))


@app.command()
@listing(schemas.HISTORY, columns=RUNS)
def history(call: Call) -> Listing[LoadRun]:
    """List runs, newest first: what was run, and how it ended.

    Examples:
        rtp loadtests history
        rtp loadtests history --since 7d -o json
    """
    return call.list(schemas.HISTORY)


def _shown(call: Call, run: LoadRun) -> Any:
    """What fits a terminal; the other formats have everything."""
    if call.flags.output != "table" or call.flags.fields is not None:
        return run
    plain: dict[str, Any] = msgspec.to_builtins(run)
    kept = ("name", "requests", "failures", "rps", "p50", "p95", "p99", "max")
    plain["stats"] = [{name: one[name] for name in kept} for one in plain["stats"]]
    return {name: plain[name] for name in plain if name not in ("notes", "exit_code")}
