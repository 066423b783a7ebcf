"""`rtp reconcile aside`: the differences that a person has to see to, and closing them with the reason."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.reconciliation import schemas
from rtp.reconciliation.schemas import Aside, AsideState, CloseAside
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Severity, listing, read, write

app = typer.Typer()
COLUMNS = ("id", "state", "noun", "kind", "name", "reason", "created_at")

AsideId = Annotated[
    str,
    typer.Argument(metavar="ASIDE", parser=id_or_key("ras", "set-aside difference"), help="Id of it (ras_…)."),
]


@app.command("aside list")
@listing(schemas.ASIDE_LIST, columns=COLUMNS)
def list_(
    call: Call,
    state: Annotated[AsideState | None, typer.Option("--state", metavar="STATE", help="open or closed.")] = None,
) -> Listing[Aside]:
    """List the differences that were set aside, newest first; `--state open` are those that wait for a person.

    Examples:
        rtp reconcile aside list --state open
        rtp reconcile aside list --since 30d
    """
    return call.list(schemas.ASIDE_LIST, state=state)


@app.command("aside show")
@read(schemas.ASIDE_SHOW)
def show(call: Call, aside: AsideId) -> Aside:
    """Show one difference that was set aside: both sides as they were, and how it was closed.

    Examples:
        rtp reconcile aside show ras_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp reconcile aside show ras_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    return call.read(schemas.ASIDE_SHOW, aside=aside)


@app.command("aside close")
@write(schemas.ASIDE_CLOSE, severity=Severity.MODERATE, side_effects="nobody is told of it again while it stays so")
def close(
    call: Call,
    aside: AsideId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What was done about it; kept with it.")],
) -> Aside:
    """Close a difference that was seen to; it opens again when either side changes.

    Examples:
        rtp reconcile aside close ras_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "returned by hand, SUP-7"
        rtp reconcile aside close ras_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "a test of ours" --dry-run
    """
    return call.write(schemas.ASIDE_CLOSE, CloseAside(reason=reason), aside=aside)
