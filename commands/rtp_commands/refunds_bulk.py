"""`rtp refunds bulk`: refunds from a file, planned as a whole before anything moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtp.plans.schemas import Asked
from rtp.refund_bulks import schemas
from rtp.refund_bulks.schemas import ApplyBulk, Bulk, BulkOutcome, BulkState, RowState
from rtp_commands import arguments
from rtp_commands.arguments import Asked as AskedAmount
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Begins, Call, Listing, Result, Severity, Waiting, listing, read, write

if TYPE_CHECKING:
    from rtp_commands.table import Line

app = typer.Typer()

BULK = id_or_key("bulk", "bulk refund")
BulkId = Annotated[str, typer.Argument(metavar="BULK", parser=BULK, help="Id of the bulk refund (bulk_…).")]
Results = Annotated[
    Path | None, typer.Option("--results", metavar="FILE", help="CSV of what became of each row.")
]  # fmt: skip


def _applying(call: Call, asked: Asked) -> list[Line]:
    """The receipt of a plan that is to be carried out."""
    from rtp_commands.refunds_bulk_run import receipt

    return receipt(call.read(schemas.SHOW, bulk=asked.path["bulk"]), call.output.wide)


STOPPED = Waiting(
    operation=schemas.SHOW,
    param="bulk",
    done=frozenset({"succeeded", "partly", "failed", "canceled"}),
    look="rtp refunds bulk show",
)
"""A bulk that is to stop: the refunds that were issued come to their ends first."""


@app.command("bulk plan")
@write(
    schemas.CREATE,
    schemas.ADD,
    schemas.PLAN,
    exit_codes=(7, 8),
    reversible="rtp refunds bulk cancel ID",
    side_effects="keeps a plan; no money moves",
)
def plan(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a heading, or NDJSON (.ndjson, .jsonl).")],
    max_count: Annotated[
        int | None, typer.Option("--max-count", metavar="N", min=1, help="Refuse a file of more refunds.")
    ] = None,
    max_total: Annotated[
        list[AskedAmount] | None,
        typer.Option(
            "--max-total", metavar="AMOUNT", parser=arguments.amount, help="Refuse more money; once a currency."
        ),
    ] = None,
    ticket: Annotated[
        str, typer.Option("--ticket", metavar="ID", help="The support case of the rows that name none.")
    ] = "",
    bulk: Annotated[
        str | None, typer.Option("--bulk", metavar="BULK", parser=BULK, help="Go on with a file that was interrupted.")
    ] = None,
    results: Results = None,
) -> Result:
    """Check every row of a file and keep it as a plan, with its totals; no money moves.

    Columns: payment, and if wanted amount (all that is left without), reason (a code; else --reason), note, ticket
    (else --ticket), and key, which names what a row is for: no two rows of one key are ever refunded. Exits 8 when rows
    are refused.

    Examples:
        rtp refunds bulk plan refunds.csv --max-total 500.00 --reason duplicate
        rtp refunds bulk plan refunds.csv --max-count 100 --results refused.csv
    """
    from rtp_commands.refunds_bulk_file import upload
    from rtp_commands.refunds_bulk_run import check_results, planned

    check_results(results)
    made = upload(call, file, max_count=max_count, max_totals=max_total or [], bulk=bulk, ticket=ticket)
    return planned(call, made, results)


@app.command("bulk apply")
@write(
    schemas.APPLY,
    severity=Severity.SEVERE,
    confirm="total",
    begins=Begins(watch="rtp refunds bulk show ID", stop="rtp refunds bulk cancel ID"),
    receipt=_applying,
    exit_codes=(7, 8, 14),
    side_effects="returns money, row by row",
)
def apply(
    call: Call,
    bulk: BulkId,
    again: Annotated[bool, typer.Option("--again", help="The rows of an earlier file once more, on purpose.")] = False,
    results: Results = None,
) -> Result:
    """Carry a plan out and follow it to its end; the same command goes on after an interruption.

    The server works on without you: interrupting ends only the watching. Each row is refunded once, however often this
    is run. Exits 0 when every row was refunded, 8 when some were, 7 when none was, 14 when nothing moved for --timeout.

    Examples:
        rtp refunds bulk apply bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F --results results.csv
        rtp refunds bulk apply bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F --no-wait
        rtp refunds bulk apply bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F --dry-run
    """
    from rtp_commands.refunds_bulk_run import check_results, followed, interruptible

    check_results(results)
    with interruptible(call, bulk):
        shown = call.read(schemas.SHOW, bulk=bulk)
        if shown.saga_id is None or call.flags.dry_run:
            shown = call.write(schemas.APPLY, ApplyBulk(again=again), bulk=bulk)
        return followed(call, shown, results)


@app.command("bulk show")
@read(schemas.SHOW)
def show(call: Call, bulk: BulkId) -> Result:
    """Show a bulk refund: what was planned, and how far it has come.

    Examples:
        rtp refunds bulk show bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds bulk show bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    from rtp_commands.refunds_bulk_run import told

    return told(call, call.read(schemas.SHOW, bulk=bulk))


@app.command("bulk list")
@listing(schemas.LIST, columns=("id", "file", "state", "accepted", "totals", "created_at"))
def list_(
    call: Call,
    state: Annotated[BulkState | None, typer.Option("--state", metavar="STATE", help="Only this state.")] = None,
) -> Listing[Bulk]:
    """List bulk refunds, newest first.

    Examples:
        rtp refunds bulk list
        rtp refunds bulk list --state applying
    """
    return call.list(schemas.LIST, state=state)


@app.command("bulk export")
@listing(schemas.ROWS, columns=("row", "payment", "amount", "state", "approval", "code"), exit_codes=(5,))
def export(
    call: Call,
    bulk: BulkId,
    state: Annotated[RowState | None, typer.Option("--state", metavar="STATE", help="Only this state.")] = None,
) -> Listing[BulkOutcome]:
    """Export the rows of a bulk refund with what became of each; `--all -o csv` for a file.

    Examples:
        rtp refunds bulk export bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F --all -o csv
        rtp refunds bulk export bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F --state failed
    """
    return call.list(schemas.ROWS, bulk=bulk, state=state)


@app.command("bulk cancel")
@write(
    schemas.CANCEL,
    severity=Severity.MODERATE,
    waiting=STOPPED,
    side_effects="rows that were not issued yet are not issued any more",
)
def cancel(call: Call, bulk: BulkId) -> Result:
    """Stop a bulk refund: what was issued stays, the rest is not issued any more.

    Examples:
        rtp refunds bulk cancel bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "wrong file"
        rtp refunds bulk cancel bulk_01J9ZK3V5W8X2Y4A6B7C8D9E0F --dry-run
    """
    from rtp_commands.refunds_bulk_run import told

    stopped = call.write(schemas.CANCEL, bulk=bulk)
    if stopped.saga_id is not None and stopped.state in STOPPED.done and not stopped.canceled:
        call.say("Nothing was left to stop: every row had been issued already.")
    return told(call, stopped)
