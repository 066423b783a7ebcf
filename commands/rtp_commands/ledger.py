"""`rtp ledger`: the double-entry books, and their check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rtp.errors import ExitCode
from rtp.ledger import schemas
from rtp.ledger.schemas import Account, LedgerEntry
from rtp_commands import arguments, journals
from rtp_commands.call import Call, Listing, Result, listing, read

app = typer.Typer()


@app.command("list")
@listing(schemas.LIST, columns=("at", "account", "amount", "kind", "source"))
def list_(
    call: Call,
    account: Annotated[str | None, typer.Option("--account", metavar="ACCOUNT", help="Such as deferred.")] = None,
    source: Annotated[str | None, typer.Option("--source", metavar="ID", help="What moved the value.")] = None,
    user: arguments.UserFilter = None,
) -> Listing[LedgerEntry]:
    """List ledger entries, newest first; a debit is positive, a credit negative.

    Examples:
        rtp ledger list --account deferred --since 24h
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


@app.command()
@listing(schemas.ACCOUNTS, columns=("code", "type", "normal", "balances", "help"))
def accounts(call: Call) -> Listing[Account]:
    """Show the chart of accounts with what each sums to; debit positive.

    Examples:
        rtp ledger accounts
        rtp ledger accounts --all -o json
    """
    return call.list(schemas.ACCOUNTS)


@app.command()
@read(schemas.EXPORT)
def export(
    call: Call,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Written whole or not at all.")] = None,
    format: Annotated[
        Literal["beancount", "ledger", "csv"],
        typer.Option("--format", metavar="FORMAT", help="beancount|ledger|csv; ledger is for hledger, too."),
    ] = "beancount",
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", parser=arguments.instant, help="From: 2026-11-01, 7d.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", parser=arguments.instant, help="Before: 2026-12-01, 1h.")
    ] = None,
) -> None:
    """Write the journal for another accounting program, to check and report.

    It is read page by page as it is written, however long it is.

    Examples:
        rtp ledger export --since 7d
        rtp ledger export journal.beancount
        rtp ledger export --format csv --since 24h journal.csv
        rtp ledger export --format ledger --since 2026-01-01
    """
    pages = call.client.pages(schemas.EXPORT, limit=500, since=since, until=until)
    lines = journals.WRITERS[format](one for page in pages for one in page.items)
    count = journals.save(file, lines) if file else journals.pour(call.output.write, lines)
    call.say(f"{count} lines{f' in {file}' if file else ''}, that is all")
