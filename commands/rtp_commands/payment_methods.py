"""`rtp payment-methods`: the cards of members."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.payments import schemas
from rtp.payments.schemas import AddMethod, PaymentMethod
from rtp_commands import arguments
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Severity, Waiting, listing, read, write

app = typer.Typer()

TAKEN = Waiting(
    operation=schemas.METHOD,
    param="method",
    done=frozenset({"active", "removed"}),
    failed=frozenset({"failed"}),
    look="rtp payment-methods show",
)
Method = Annotated[
    str,
    typer.Argument(metavar="METHOD", parser=id_or_key("pm", "payment method"), help="Id of the card (pm_…)."),
]


@app.command()
@write(schemas.ADD_METHOD, waiting=TAKEN, reversible="rtp payment-methods remove METHOD")
def add(
    call: Call,
    user: arguments.User,
    card: Annotated[str, typer.Option("--card", metavar="CARD", help="The provider's name of it; never a number.")],
) -> PaymentMethod:
    """Add a card to a member; the provider says whether it takes it.

    Examples:
        rtp payment-methods add ada@example.com --card visa
        rtp payment-methods add ada@example.com --card visa --no-wait
    """
    return call.write(schemas.ADD_METHOD, AddMethod(card=card), user=user)


@app.command("list")
@listing(schemas.METHODS, columns=("id", "card", "brand", "last_four", "state"))
def list_(call: Call, user: arguments.User) -> Listing[PaymentMethod]:
    """List the cards of a member.

    Examples:
        rtp payment-methods list ada@example.com
        rtp payment-methods list ada@example.com -o ids
    """
    return call.list(schemas.METHODS, user=user)


@app.command()
@read(schemas.METHOD)
def show(call: Call, method: Method) -> PaymentMethod:
    """Show a card: its brand and last four digits, and whether the provider took it.

    Examples:
        rtp payment-methods show pm_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp payment-methods show pm_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    return call.read(schemas.METHOD, method=method)


@app.command()
@write(schemas.REMOVE_METHOD, severity=Severity.MODERATE, reversible="rtp payment-methods add USER --card CARD")
def remove(call: Call, method: Method) -> PaymentMethod:
    """Stop using a card; what was paid with it stays on record.

    Examples:
        rtp payment-methods remove pm_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp payment-methods remove pm_01J9ZK3V5W8X2Y4A6B7C8D9E0F --reason "card was stolen"
    """
    return call.write(schemas.REMOVE_METHOD, method=method)
