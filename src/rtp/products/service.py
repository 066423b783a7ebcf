"""Use cases of products and prices; reads go through the cache."""

from __future__ import annotations

from typing import Any

import msgspec

from rtp.cache import service as cache
from rtp.cache.schemas import CacheClass
from rtp.cache.service import Warmer
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import canonical, ids
from rtp.operations import Page
from rtp.products import repository
from rtp.products.errors import PriceArchived, PriceNotFound, ProductNotFound
from rtp.products.schemas import Kind, Price, Product, ProductDetail, Status

PRODUCTS, PRICES = "products", "prices"
"""Tags of the cache: what is read of products, and what is read of prices."""


async def resolve(frame: Frame, key: str) -> Product:
    """The product behind an id or a natural key.

    Raises: ProductNotFound.
    """
    try:
        product = await repository.find_product(frame, key)
    except ids.WrongId as error:
        raise ProductNotFound(key=key) from error
    if product is None:
        raise ProductNotFound(key=key)
    return product


async def resolve_price(frame: Frame, key: str) -> Price:
    """The price behind an id or a natural key; of a key, the one that can be bought, or else the last that could.

    Raises: PriceNotFound.
    """
    try:
        price = await repository.find_price(frame, key)
    except ids.WrongId as error:
        raise PriceNotFound(key=key) from error
    if price is None:
        raise PriceNotFound(key=key)
    return price


async def price_on_sale(frame: Frame, key: str) -> Price:
    """The price behind an id or a natural key, if it can be bought.

    Raises: PriceNotFound, PriceArchived.
    """
    price = await resolve_price(frame, key)
    if price.status != "active":
        raise PriceArchived(key=key)
    return price


async def show(frame: Frame, key: str) -> ProductDetail:
    """A product with the prices that can be bought.

    Raises: ProductNotFound.
    """

    async def load() -> ProductDetail:
        product = await resolve(frame, key)
        prices = await repository.active_prices(frame, ids.parse("prod", product.id))
        return ProductDetail(**msgspec.structs.asdict(product), prices=prices)

    return await cache.cached(frame, f"products.show:{key}", ProductDetail, "warm", (PRODUCTS, PRICES), load)


async def show_price(frame: Frame, key: str) -> Price:
    """A price by its id or natural key.

    Raises: PriceNotFound.
    """

    async def load() -> Price:
        return await resolve_price(frame, key)

    return await cache.cached(frame, f"prices.show:{key}", Price, "hot", (PRODUCTS, PRICES), load)


async def page(
    frame: Frame, page: PageRequest, *, status: Status | None = None, kind: Kind | None = None
) -> Page[Product]:
    """One page of products."""

    async def load() -> Page[Product]:
        return await repository.page_products(frame, page, status=status, kind=kind)

    if page.since or page.until:
        return await load()
    return await cache.cached(frame, _key_of("products.list", page), Page[Product], "warm", (PRODUCTS,), load)


async def page_prices(
    frame: Frame, page: PageRequest, *, status: Status | None = None, product: str = "", search: str = ""
) -> Page[Price]:
    """One page of prices; `product` is an id or a natural key.

    Raises: ProductNotFound.
    """

    async def load() -> Page[Price]:
        of = ids.parse("prod", (await resolve(frame, product)).id) if product else None
        return await repository.page_prices(frame, page, status=status, product_id=of, search=search)

    if page.since or page.until:
        return await load()
    return await cache.cached(frame, _key_of("prices.list", page), Page[Price], "warm", (PRODUCTS, PRICES), load)


async def warmers(frame: Frame, class_: CacheClass | None, after: str, limit: int) -> tuple[list[Warmer], int]:
    """What a warm cache holds of the catalog: each product that is sold, and each of its prices by its key."""
    found: list[Warmer] = []
    if class_ in (None, "warm"):
        sold = [product for product in await repository.all_products(frame) if product.status == "active"]
        keys = [(f"products.show:{one.key}", one.key) for one in sold]
        found += [Warmer(key, key, _showing(frame, of)) for key, of in keys]
    if class_ in (None, "hot"):
        keys = [(f"prices.show:{one.key}", one.key) for one in await repository.active_prices(frame)]
        found += [Warmer(key, key, _pricing(frame, of)) for key, of in keys]
    left = sorted((one for one in found if one.place > after), key=lambda one: one.place)
    return left[:limit], len(left[limit:])


def _showing(frame: Frame, key: str) -> Any:
    return lambda: show(frame, key)


def _pricing(frame: Frame, key: str) -> Any:
    return lambda: show_price(frame, key)


def _key_of(operation: str, page: PageRequest) -> str:
    """A page's key: what was asked for, by its digest; the text of a cursor or filter would be as long as it likes."""
    asked: list[Any] = [page.limit, page.cursor, page.sort, dict(page.filters)]
    return f"{operation}:{canonical.digest(asked)[:32]}"
