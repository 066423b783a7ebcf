"""`rtp payments`: money taken from members' cards."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.payments import schemas
from rtp.payments.schemas import Payment, PaymentState, waits_for
from rtp_commands import arguments
from rtp_commands.call import Call, Listing, Result, listing, read

app = typer.Typer()

State = Annotated[PaymentState | None, typer.Option("--state", metavar="STATE", help="Only this state.")]


@app.command("list")
@listing(schemas.LIST, columns=("id", "amount", "refunded", "state", "purpose"))
def list_(call: Call, user: arguments.UserFilter = None, state: State = None) -> Listing[Payment]:
    """List payments, newest first.

    Examples:
        rtp payments list --user ada@example.com
        rtp payments list --state failed --since 24h
    """
    return call.list(schemas.LIST, user=user, state=state)


@app.command()
@read(schemas.SHOW)
def show(call: Call, payment: arguments.Payment) -> Result:
    """Show one payment: what was captured, what is left to refund, its refunds and its card.

    Examples:
        rtp payments show pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp payments show pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    shown = call.read(schemas.SHOW, payment=payment)
    return Result(shown, said=waits_for(shown.state, shown.failure_reason))
