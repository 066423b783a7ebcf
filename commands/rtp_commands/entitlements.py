"""`rtp entitlements`: which services are open to a member, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.entitlements import schemas
from rtp.entitlements.schemas import Entitlement
from rtp.errors import ExitCode
from rtp_commands import arguments
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, Result, listing, read

app = typer.Typer()
COLUMNS = ("user_id", "product", "open", "why", "until")

Product = Annotated[str | None, typer.Option("--product", metavar="PRODUCT", help="Only of this product.")]
Open = Annotated[bool | None, typer.Option("--open/--closed", help="Only what is open now, or only what is not.")]


@app.command("list")
@listing(schemas.LIST, columns=COLUMNS)
def list_(
    call: Call, user: arguments.UserFilter = None, product: Product = None, open: Open = None
) -> Listing[Entitlement]:
    """List entitlements, the closed ones too, each with the subscription that decided it.

    Examples:
        rtp entitlements list --user ada@example.com
        rtp entitlements list --product day-trading-room --open -o ids
    """
    return call.list(schemas.LIST, user=user, product=product, open=open)


@app.command()
@read(schemas.SHOW)
def show(
    call: Call,
    entitlement: Annotated[
        str,
        typer.Argument(
            metavar="ENTITLEMENT", parser=id_or_key("ent", "entitlement"), help="Id of the entitlement (ent_…)."
        ),
    ],
) -> Entitlement:
    """Show one entitlement.

    Examples:
        rtp entitlements show ent_01J9ZK3V5W8X2Y4A6B7C8D9E0F
        rtp entitlements show ent_01J9ZK3V5W8X2Y4A6B7C8D9E0F -o json
    """
    return call.read(schemas.SHOW, entitlement=entitlement)


@app.command()
@read(schemas.CHECK, exit_codes=(10,))
def check(
    call: Call,
    user: arguments.User,
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="Key of the product.")],
) -> Result:
    """Tell whether a member may use a product now, and why; the exit code is 10 when not.

    Examples:
        rtp entitlements check ada@example.com day-trading-room
        rtp entitlements check ada@example.com day-trading-room -o json
    """
    decision = call.read(schemas.CHECK, user=user, product=product)
    return Result(decision, ExitCode.OK if decision.open else ExitCode.CHECK_FAILED)
