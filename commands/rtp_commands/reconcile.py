"""`rtp reconcile`: the provider's record and ours, compared in both directions, and mended by a plan."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.errors import ExitCode
from rtp.kit.text import counted
from rtp.reconciliation import schemas
from rtp.reconciliation.schemas import Look, Run, RunLine, RunReconcile
from rtp_commands import reconcile_aside
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Planned, Result, Severity, listing, read, write

app = typer.Typer()
COLUMNS = ("id", "kind", "state", "provider", "found", "left_open", "set_aside", "created_at")

RunId = Annotated[
    str, typer.Argument(metavar="RUN", parser=id_or_key("rec", "reconciliation"), help="Id of the run (rec_…).")
]


@app.command()
@write(
    schemas.RUN,
    schemas.CHECK,
    severity=Severity.MODERATE,
    exit_codes=(int(ExitCode.CHECK_FAILED),),
    side_effects="with --plan each difference is mended as it was planned; else nothing is changed",
)
def run(
    call: Call,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="An instant, a date or an age.")] = "7d",
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Which provider; this instance's without.")
    ] = None,
) -> Result:
    """Compare what the provider has with what is here; ends with 10 when they differ.

    Nothing is changed without a plan: --dry-run makes one, --plan ID carries it out.

    Examples:
        rtp reconcile run
        rtp reconcile run --since 24h --dry-run
    """
    if call.flags.dry_run:
        return _planned(call, RunReconcile(since=since, provider=provider or ""))
    if call.flags.plan:
        return _verdict(call, call.write(schemas.RUN, RunReconcile(since=since, provider=provider or "")))
    return _verdict(call, call.read(schemas.CHECK, since=since, provider=provider or ""))


@app.command("list")
@listing(schemas.LIST, columns=COLUMNS)
def list_(call: Call) -> Listing[RunLine]:
    """List reconciliations, newest first: one by itself each night, and each plan that was carried out.

    Examples:
        rtp reconcile list
        rtp reconcile list --since 30d
    """
    return call.list(schemas.LIST)


@app.command()
@read(schemas.SHOW)
def show(call: Call, run: RunId) -> Result:
    """Show one reconciliation, and what became of each difference.

    Examples:
        rtp reconcile show rec_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp reconcile show rec_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    return _shown(call, call.read(schemas.SHOW, run=run), ExitCode.OK)


def _planned(call: Call, wanted: RunReconcile) -> Result:
    try:
        call.write(schemas.RUN, wanted)
    except Planned as planned:
        from rtp_commands.planned import show_plan

        show_plan(call, planned.plan)
        look = planned.plan.result or {}
        said = _not_compared(look["provider"], look["unread"]) if look.get("unread") else ""
        return Result(None, ExitCode.CHECK_FAILED if look.get("found", 0) else ExitCode.OK, said)
    raise AssertionError("a dry run ends with its plan")


def _verdict(call: Call, found: Look | Run) -> Result:
    left = found.left_open if isinstance(found, Run) else found.found
    said = [] if not left else ["What would mend it: rtp reconcile run --dry-run"]
    if isinstance(found, Look) and found.unread:
        said.append(_not_compared(found.provider, found.unread))
    return _shown(call, found, ExitCode.CHECK_FAILED if left else ExitCode.OK, "\n".join(said))


def _not_compared(provider: str, unread: list[str]) -> str:
    what = f"{counted(len(unread), 'object')} of {provider} cannot be written here and "
    return f"{what}{'was' if len(unread) == 1 else 'were'} not compared: {unread[0]}"


def _shown(call: Call, found: Look | Run, code: ExitCode, said: str = "") -> Result:
    """The whole, or on a table the differences as lines below what was compared."""
    if call.output.format != "table" or call.flags.fields or not found.differences:
        return Result(found, code, said=said)
    import msgspec

    from rtp_commands.chains import differences

    call.output.one(msgspec.structs.replace(found, differences=[]))
    rows = differences(found.differences, wide=call.output.wide, terminal=call.output.terminal)
    call.output.lines([[], *rows])
    return Result(None, code, said=said)


app.registered_commands += reconcile_aside.app.registered_commands
