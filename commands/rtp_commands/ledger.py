"""`rtp ledger`: the double-entry books, and their check."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.errors import ExitCode
from rtp.ledger import schemas
from rtp.ledger.schemas import LedgerEntry
from rtp_commands import arguments
from rtp_commands.call import Call, Listing, Result, listing, read

app = typer.Typer()


@app.command("list")
@listing(schemas.LIST, columns=("at", "account", "amount", "kind", "source"))
def list_(
    call: Call,
    account: Annotated[str | None, typer.Option("--account", metavar="ACCOUNT", help="Such as sales.")] = None,
    source: Annotated[str | None, typer.Option("--source", metavar="ID", help="A payment or refund.")] = None,
    user: arguments.UserFilter = None,
) -> Listing[LedgerEntry]:
    """List ledger entries, newest first; a debit is positive, a credit negative.

    Examples:
        rtp ledger list --account sales --since 24h
        rtp ledger list --limit 10 -o csv
    """
    return call.list(schemas.LIST, account=account, source=source, user=user)


@app.command()
@read(schemas.CHECK, exit_codes=(10,))
def check(call: Call) -> Result:
    """Recompute the ledger from zero and compare it with what is stored.

    Examples:
        rtp ledger check
        rtp ledger check -o json
    """
    checked = call.read(schemas.CHECK)
    held = checked.state == "held"
    return Result(checked, ExitCode.OK if held else ExitCode.CHECK_FAILED)
