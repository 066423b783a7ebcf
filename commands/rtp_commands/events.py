"""`rtp events`: what happened, in order."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.events import schemas
from rtp.events.schemas import Event
from rtp_commands.call import Call, Listing, listing

app = typer.Typer()


@app.command("list")
@listing(schemas.LIST, columns=("timestamp", "type", "aggregate_id", "version"))
def list_(
    call: Call,
    type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Such as user.created.")] = None,
    aggregate: Annotated[str | None, typer.Option("--aggregate", metavar="ID", help="What it happened to.")] = None,
) -> Listing[Event]:
    """List domain events, newest first.

    Examples:
        rtp events list --type user.created
        rtp events list --since 1h -o ndjson
    """
    return call.list(schemas.LIST, type=type, aggregate=aggregate)
