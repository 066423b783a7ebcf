"""`rtp products`: what is sold."""

from __future__ import annotations

from typing import Annotated

import typer

from rtp.products import schemas
from rtp.products.schemas import Kind, Product, ProductDetail, Status
from rtp_commands.arguments import id_or_key
from rtp_commands.call import Call, Listing, listing, read

app = typer.Typer()
COLUMNS = ("key", "name", "kind", "status")

ProductKey = Annotated[
    str,
    typer.Argument(
        metavar="PRODUCT",
        parser=id_or_key("prod", "product", key="key", pattern=r"[a-z0-9-]+"),
        help="Id (prod_…) or key, such as day-trading-room.",
    ),
]


@app.command("list")
@listing(schemas.LIST, columns=COLUMNS)
def list_(
    call: Call,
    status: Annotated[Status | None, typer.Option("--status", metavar="STATUS", help="Only this status.")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", metavar="KIND", help="Such as room or alerts.")] = None,
) -> Listing[Product]:
    """List products.

    Examples:
        rtp products list
        rtp products list --status active --kind room -o ids
    """
    return call.list(schemas.LIST, status=status, kind=kind)


@app.command()
@read(schemas.SHOW)
def show(call: Call, product: ProductKey) -> ProductDetail:
    """Show one product, with the prices that can be bought.

    Examples:
        rtp products show day-trading-room
        rtp products show day-trading-room -o json
    """
    return call.read(schemas.SHOW, product=product)
