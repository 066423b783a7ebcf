"""`rtp refunds report`: the refunds of a month for a third person."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from rtp.errors import ExitCode
from rtp.kit.text import counted
from rtp.refund_reports import schemas
from rtp.refund_reports.schemas import RefundReport
from rtp_commands.call import Call, Result, read

app = typer.Typer()


def _like(pattern: str, what: str) -> Any:
    def parse(text: str) -> str:
        text = text.strip().removesuffix("%")
        if not re.match(pattern, text):
            raise typer.BadParameter(f"{text!r} is not {what}")
        return text

    return parse


@app.command()
@read(schemas.SHOW, exit_codes=(10,))
def report(
    call: Call,
    month: Annotated[
        str,
        typer.Option(
            "--month",
            metavar="YYYY-MM",
            parser=_like(schemas.MONTH, "a month such as 2026-10"),
            help="The month of the refunds, in UTC.",
        ),
    ],
    share: Annotated[
        str,
        typer.Option(
            "--share",
            metavar="PERCENT",
            parser=_like(schemas.SHARE, "a share such as 5%"),
            help="How many to draw, such as 5%.",
        ),
    ] = "5",
    seed: Annotated[
        str | None,
        typer.Option(
            "--seed",
            metavar="TEXT",
            parser=_like(schemas.SEED, "a seed of letters and digits"),
            help="Draw what it drew before.",
        ),
    ] = None,
) -> Result:
    """Draw refunds of a month for somebody who neither issued nor approved them, and show who approved whose.

    Everything of two people who approved each other's refunds is in it. Exits 10 when the ledger has other sums.

    Examples:
        rtp refunds report --month 2026-10 --share 5%
        rtp refunds report --month 2026-10 --seed dice-4163 -o json
    """
    shown = call.read(schemas.SHOW, month=month, share=share, seed=seed)
    code = ExitCode.OK if shown.complete else ExitCode.CHECK_FAILED
    if call.output.format != "table" or call.flags.fields is not None:
        return Result(shown, code, said="" if shown.ended else _open(shown))
    from rtp_commands.refunds_report_page import page

    call.output.lines(page(shown, call.output.wide))
    again = f"The same again: rtp refunds report --month {month} --share {shown.share} --seed {shown.seed}"
    return Result(None, code, said=again if shown.ended else f"{_open(shown)} {again}")


def _open(shown: RefundReport) -> str:
    return f"{shown.month} is not over: more may come than {counted(shown.count, 'refund')}."
