"""`rtp prices`: what products cost."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.products import schemas
from rtp.products.schemas import Price, Status
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, listing, read

app = typer.Typer()
COLUMNS = ("key", "amount", "interval", "trial_days", "status")

PriceKey = Annotated[
    str,
    typer.Argument(
        metavar="PRICE",
        parser=id_or_key("price", "price", key="key", pattern=r"[a-z0-9-]+"),
        help="Id (price_…) or key, such as day-trading-room-monthly.",
    ),
]


@app.command("list")
@listing(schemas.LIST_PRICES, columns=COLUMNS)
def list_(
    call: Call,
    search: Annotated[str | None, typer.Option("--search", metavar="TEXT", help="Part of the key.")] = None,
    status: Annotated[Status | None, typer.Option("--status", metavar="STATUS", help="Only this status.")] = None,
    product: Annotated[str | None, typer.Option("--product", metavar="PRODUCT", help="Of one product.")] = None,
) -> Listing[Price]:
    """List prices, archived ones included.

    Examples:
        rtp prices list --status active
        rtp prices list --product day-trading-room -o csv
    """
    return call.list(schemas.LIST_PRICES, search=search, status=status, product=product)


@app.command()
@read(schemas.SHOW_PRICE)
def show(call: Call, price: PriceKey) -> Price:
    """Show one price; of a key, the one that can be bought now.

    Examples:
        rtp prices show day-trading-room-monthly
        rtp prices show day-trading-room-monthly -o json
    """
    return call.read(schemas.SHOW_PRICE, price=price)
