"""`rtp up`, `down`, `status`, `logs`, `doctor`: the platform on this machine."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Literal

import typer

from rtp.errors import ExitCode, RtpError
from rtp.invariants.schemas import MONEY
from rtp.meta.schemas import DOCTOR, Check, Doctor
from rtp.runtime import doctor as local_doctor
from rtp.runtime import ephemeral as throwaway
from rtp.runtime import launch, lock, site, stopping
from rtp.runtime import logs as log_files
from rtp.runtime.instance import Instance
from rtp.runtime.state import ServiceState
from rtp.runtime.tails import tail
from rtp_commands.call import Call, Result, local, read
from rtp_commands.errors import InstanceMissing, Terminated, Usage
from rtp_commands.flags import Flags

app = typer.Typer()
Lines = Annotated[int, typer.Option("--lines", "-n", metavar="N", min=0, help="How many lines of each log.")]

MONEY_CODES = {"ok": ExitCode.OK, "warning": ExitCode.NOT_JUDGED, "failed": ExitCode.CHECK_FAILED}


@app.command()
@local(side_effects="starts processes, creates the instance folder on the first run", exit_codes=(4, 6, 10, 14))
def up(
    call: Call,
    command: Annotated[list[str] | None, typer.Argument(metavar="[-- CMD…]", help="With --ephemeral.")] = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay here; Ctrl-C stops it.")] = False,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="A throwaway instance, for one command.")] = False,
) -> Result:
    """Start the platform on this machine: PostgreSQL, Valkey, the API, the worker, the sandbox provider.

    It waits up to a minute until all is well, or as long as `--timeout` says.
    With `--ephemeral` CMD runs with RTP_HOME, RTP_URL and RTP_TOKEN of an instance that ends with it; the exit code is
    then CMD's.

    Examples:
        rtp up
        rtp up --foreground
        rtp up --ephemeral -- rtp users list
    """
    if ephemeral:
        return _ephemeral(call, command or [])
    if command:
        raise Usage(what="a command is run only with --ephemeral: rtp up --ephemeral -- CMD")
    if foreground and lock.holder(Instance(call.settings).lock_file) is None:
        _foreground(call)
    try:
        started = launch.up(call.settings, seconds=_patience(call), progress=_progress(call))
    except (KeyboardInterrupt, Terminated):
        call.output.quiet = False
        call.say("\nWhat was begun goes on without you. Look: rtp status. Stop it: rtp down")
        raise
    return Result(started.status, started.status.exit_code, _said(started))


def _ephemeral(call: Call, command: list[str]) -> Result:
    if not command:
        raise Usage(what="--ephemeral needs a command: rtp up --ephemeral -- CMD")
    outcome = throwaway.run(call.settings, command, seconds=_patience(call), progress=_progress(call))
    for line in outcome.logs:
        call.say(line)
    return Result(None, outcome.exit_code)  # type: ignore[arg-type]


def _patience(call: Call) -> float:
    """A first start makes a database, which on a busy machine takes longer than an answer may."""
    given = call.flags.timeout
    return launch.READY_SECONDS if given == Flags().timeout else given


def _foreground(call: Call) -> None:
    """Become the supervisor."""
    instance = Instance(call.settings)
    words = site.python("rtp.runtime.supervisor", str(instance.home))
    sys.stdout.flush()
    os.execve(words[0], words, site.exported(call.settings))


def _progress(call: Call) -> launch.Progress:
    def tell(row: ServiceState) -> None:
        if call.flags.verbose or (call.output.terminal and row.state in ("up", "external", "backoff")):
            call.say(f"{row.name} {row.state}{': ' + row.detail if row.detail else ''}")

    return tell


def _said(started: launch.Started) -> str:
    if started.status.schema in ("empty", "behind"):
        return "The database's schema is older than this rtp: the API is up but not ready. Next: rtp db migrate"
    return "It was running already." if started.already else f"Ready at {started.status.url}. Stop it with: rtp down"


@app.command()
@local(side_effects="ends the instance's processes; data stays")
def down(call: Call) -> Result:
    """Stop the platform on this machine, in order; the data stays.

    Examples:
        rtp down
    """
    instance = Instance(call.settings)
    stopped = stopping.stop(instance)
    said = "Stopped; the data stays." if stopped else "Nothing was running."
    return Result(launch.status(instance), ExitCode.OK, said)


@app.command()
@local(exit_codes=(10, 13))
def status(call: Call) -> Result:
    """Show what runs here: each service with its state, pid, version and since when.

    The exit code is 0 when all is healthy, 10 when something is degraded, 13 when nothing runs.

    Examples:
        rtp status
        rtp status -o json
    """
    found = launch.status(Instance(call.settings))
    return Result(found, found.exit_code, "Start it with: rtp up" if found.state == "down" else "")


@app.command()
@local(exit_codes=(5, 13))
def logs(
    call: Call,
    service: Annotated[str | None, typer.Argument(metavar="[SERVICE]", help="Only this service.")] = None,
    lines: Lines = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written.")] = False,
) -> None:
    """Show the end of the logs, or follow them.

    Examples:
        rtp logs
        rtp logs api --lines 50
        rtp logs worker --follow
    """
    instance = Instance(call.settings)
    paths = log_files.files(instance, service or "")
    places = log_files.ends(paths)
    for path in paths:
        for line in tail(path, lines, places[path]):
            call.output.write(_marked(path.stem, line, alone=len(paths) == 1))
    if follow:
        sys.stdout.flush()
        for path, line in log_files.follow(places):
            call.output.write(_marked(path.stem, line, alone=len(paths) == 1))
            sys.stdout.flush()


def _marked(name: str, line: str, *, alone: bool) -> str:
    return f"{line}\n" if alone else f"{name:<10} {line}\n"


@app.command()
@read(DOCTOR, MONEY, exit_codes=(10, 11))
def doctor(
    call: Call,
    about: Annotated[
        Literal["money"] | None, typer.Argument(metavar="[money]", help="Only what must hold of money, in full.")
    ] = None,
) -> Result:
    """Check everything for real: each line is ok, a warning, or failed, with the command that mends it.

    With `money` a warning is a rule that could not be judged, which ends with 11.

    Examples:
        rtp doctor
        rtp doctor money
        rtp doctor -o json
    """
    if about == "money":
        report = call.read(MONEY)
        return Result(report, MONEY_CODES[report.state])
    found = [*_local_checks(call), *_server_checks(call)]
    worst = any(check.state == "failed" for check in found)
    return Result(Doctor(checks=found), ExitCode.CHECK_FAILED if worst else ExitCode.OK)


def _local_checks(call: Call) -> list[Check]:
    """This machine's checks, unless another server is asked for."""
    try:
        here = bool(call.target.socket)
    except InstanceMissing:
        here = True
    return local_doctor.checks(call.settings) if here else []


def _server_checks(call: Call) -> list[Check]:
    """What the server finds; that it does not answer is a finding, too."""
    try:
        return call.read(DOCTOR).checks
    except RtpError as error:
        return [Check(name="server", state="failed", detail=error.message, fix=error.problem().hint)]
