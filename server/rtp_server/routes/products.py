"""Routes of products, prices and the catalog."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.products import catalog, schemas, service
from rtp.products.schemas import Catalog, CatalogDiff, Kind, Price, Product, ProductDetail, Status
from rtp_server.operation import operation

Prune = Annotated[bool, QueryParameter(description="Archive what the catalog lacks.")]
Of = Annotated[str, QueryParameter(max_length=100, description="Id or key of a product.")]
Search = Annotated[str, QueryParameter(max_length=100, description="Part of the key.")]


@operation(schemas.PLAN)
async def plan(frame: Frame, data: Catalog, prune: Prune = False) -> CatalogDiff:
    """Compare a catalog with what is sold."""
    return await catalog.plan(frame, data, prune=prune)


@operation(schemas.APPLY)
async def apply(frame: Frame, data: Catalog, prune: Prune = False) -> CatalogDiff:
    """Sell what a catalog declares."""
    return await catalog.apply(frame, data, prune=prune)


@operation(schemas.LIST)
async def list_products(
    frame: Frame, page: PageRequest, status: Status | None = None, kind: Kind | None = None
) -> Page[Product]:
    """List products."""
    return await service.page(frame, page, status=status, kind=kind)


@operation(schemas.SHOW)
async def show(frame: Frame, product: str) -> ProductDetail:
    """Show a product with its prices."""
    return await service.show(frame, product)


@operation(schemas.LIST_PRICES)
async def list_prices(
    frame: Frame, page: PageRequest, status: Status | None = None, product: Of = "", search: Search = ""
) -> Page[Price]:
    """List prices."""
    return await service.page_prices(frame, page, status=status, product=product, search=search)


@operation(schemas.SHOW_PRICE)
async def show_price(frame: Frame, price: str) -> Price:
    """Show a price."""
    return await service.show_price(frame, price)


HANDLERS = (plan, apply, list_products, show, list_prices, show_price)
