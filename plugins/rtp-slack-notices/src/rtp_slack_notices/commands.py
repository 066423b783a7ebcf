"""`rtp slack-notices`: notices of refunds in a channel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rtp_commands.call import Call, Severity, read, write
from rtp_commands.errors import Usage
from rtp_slack_notices import schemas
from rtp_slack_notices.schemas import QueuedNotice, SlackNotices, UpdateSlackNotices

app = typer.Typer()


@app.command()
@read(schemas.SHOW)
def show(call: Call) -> SlackNotices:
    """Show where notices go; of the webhook's URL only the host.

    Examples:
        rtp slack-notices show
        rtp slack-notices show -o json
    """
    return call.read(schemas.SHOW)


@app.command()
@write(schemas.UPDATE, severity=Severity.MODERATE, reversible="rtp slack-notices update", exit_codes=(2,))
def update(
    call: Call,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Holds the webhook's URL; - is stdin.")
    ] = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Switch the notices.")] = None,
) -> SlackNotices:
    """Change the webhook, or switch the notices; its URL is a secret and so never a flag.

    Examples:
        rtp slack-notices update --file webhook-url.txt --on
        rtp slack-notices update --off --reason "too many"
    """
    if file is None and enabled is None:
        raise Usage(what="either --file FILE or --on or --off says what to change")
    url = None if file is None else _read(file)
    return call.write(schemas.UPDATE, UpdateSlackNotices(url=url, enabled=enabled))


@app.command()
@write(schemas.CHECK, side_effects="posts a test notice to the channel")
def check(call: Call) -> QueuedNotice:
    """Queue a test notice; what becomes of it: rtp jobs list.

    Examples:
        rtp slack-notices check
        rtp slack-notices check --dry-run
    """
    return call.write(schemas.CHECK)


def _read(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(what=f"{file} cannot be read: {error}") from error
    if not text.strip():
        raise Usage(what=f"{file} is empty")
    return text.strip()
