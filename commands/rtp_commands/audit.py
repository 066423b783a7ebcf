"""`rtp audit`: every write, with who, what and why."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.audit import schemas
from rtp.audit.schemas import AuditEntry
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, listing, read

app = typer.Typer()
COLUMNS = ("at", "actor_name", "operation", "target", "reason")


@app.command("list")
@listing(schemas.LIST, columns=COLUMNS)
def list_(
    call: Call,
    actor: Annotated[str | None, typer.Option("--actor", metavar="ID", help="Who did it.")] = None,
    target: Annotated[str | None, typer.Option("--target", metavar="ID", help="To what, or for which member.")] = None,
) -> Listing[AuditEntry]:
    """List writes, newest first.

    Examples:
        rtp audit list --since 1d
        rtp audit list --actor local -o json
    """
    return call.list(schemas.LIST, actor=actor, target=target)


@app.command()
@read(schemas.SHOW)
def show(
    call: Call,
    entry: Annotated[str, typer.Argument(metavar="ENTRY", parser=id_or_key("aud", "audit entry"), help="Id (aud_…).")],
) -> AuditEntry:
    """Show one write with everything it changed, before and after.

    Examples:
        rtp audit show aud_01K8X3Z6Q4V8N2M5T7R9W1Y3B6
    """
    return call.read(schemas.SHOW, entry=entry)
