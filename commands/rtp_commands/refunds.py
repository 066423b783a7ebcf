"""`rtp refunds`: money back to the card it came from."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.refunds import schemas
from rtp.refunds.schemas import IssueRefund, Refund, RefundPreview, RefundState
from rtp_commands import arguments
from rtp_commands.arguments import Asked, id_or_key
from rtp_commands.call import Call, Listing, Severity, Waiting, listing, read, write
from rtp_commands.errors import Usage

app = typer.Typer()

SETTLED = Waiting(
    operation=schemas.SHOW,
    param="refund",
    done=frozenset({"succeeded"}),
    failed=frozenset({"failed", "canceled"}),
    unknown=frozenset({"unknown"}),
)
Amount = Annotated[
    Asked | None,
    typer.Option(
        "--amount", metavar="AMOUNT", parser=arguments.amount, help="Such as 25.00; all that is left without."
    ),
]
State = Annotated[RefundState | None, typer.Option("--state", metavar="STATE", help="Only this state.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the refund and in the audit.")]
Again = Annotated[bool, typer.Option("--again", help="An equal refund within 10 minutes is meant.")]


@app.command()
@read(schemas.PREVIEW)
def preview(call: Call, payment: arguments.Payment, amount: Amount = None) -> RefundPreview:
    """Show what a refund would do, what is left after it, and whether it is allowed.

    Examples:
        rtp refunds preview pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds preview pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --amount 25.00
    """
    return call.read(schemas.PREVIEW, payment=payment, amount=_minor(amount))


@app.command()
@write(schemas.ISSUE, severity=Severity.SEVERE, confirm="amount", waiting=SETTLED, side_effects="returns money")
def issue(
    call: Call, payment: arguments.Payment, reason: Reason, amount: Amount = None, again: Again = False
) -> Refund:
    """Return money to the card it came from, in full or in part.

    Examples:
        rtp refunds issue pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --amount 25.00 --reason duplicate
        rtp refunds issue pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F --amount 25.00 --reason duplicate --dry-run
    """
    currency = amount.code if amount else None
    body = IssueRefund(reason=reason, amount=_minor(amount), currency=currency, again=again)
    return call.write(schemas.ISSUE, body, payment=payment)


@app.command("list")
@listing(schemas.LIST, columns=("id", "amount", "state", "reason", "created_at"))
def list_(call: Call, user: arguments.UserFilter = None, state: State = None) -> Listing[Refund]:
    """List refunds, newest first.

    Examples:
        rtp refunds list --user ada@example.com
        rtp refunds list --state unknown --since 24h
    """
    return call.list(schemas.LIST, user=user, state=state)


@app.command()
@read(schemas.SHOW)
def show(
    call: Call,
    refund: Annotated[
        str, typer.Argument(metavar="REFUND", parser=id_or_key("rfd", "refund"), help="Id of the refund (rfd_…).")
    ],
) -> Refund:
    """Show one refund.

    Examples:
        rtp refunds show rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp refunds show rfd_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    return call.read(schemas.SHOW, refund=refund)


def _minor(amount: Asked | None) -> int | None:
    try:
        return None if amount is None else amount.minor()
    except ValueError as error:
        raise Usage(what=f"--amount: {error}") from error
