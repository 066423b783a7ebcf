"""What crosses the API about products and prices, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from rtp.kit.money import Money
from rtp.kit.text import Short
from rtp.operations import Operation, listing, read, write

Key = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""A natural key such as `day-trading-room-monthly`."""
Kind = Literal["room", "alerts", "scanner", "mentorship", "course", "indicator"]
Status = Literal["active", "archived"]
Interval = Literal["month", "quarter", "year"]
MONTHS: dict[Interval, int] = {"month": 1, "quarter": 3, "year": 12}
"""Calendar months of each interval."""


class Price(Struct, kw_only=True):
    """What a product costs per interval; `product` is the product's key, `trial_days` come before the first charge.

    Another amount, currency or interval is another price with the same key; who bought this one keeps it.
    """

    id: str
    key: str
    product: str
    amount: Money
    interval: Interval
    interval_count: int
    trial_days: int
    status: Status
    version: int
    created_at: datetime
    updated_at: datetime
    product_id: str

    @property
    def months(self) -> int:
        """Calendar months of one period."""
        return MONTHS[self.interval] * self.interval_count


class Product(Struct, kw_only=True):
    """Something that members can subscribe to; each has its own entitlement."""

    id: str
    key: str
    name: str
    kind: Kind
    status: Status
    version: int
    created_at: datetime
    updated_at: datetime


class ProductDetail(Product, kw_only=True):
    """A product with the prices that can be bought now."""

    prices: list[Price] = []


class CatalogPrice(Struct, kw_only=True, forbid_unknown_fields=True):
    """A price as a catalog declares it."""

    key: Key
    amount: Money
    interval: Interval
    interval_count: Annotated[int, Meta(ge=1, le=36)] = 1
    trial_days: Annotated[int, Meta(ge=0, le=730)] = 0


class CatalogProduct(Struct, kw_only=True, forbid_unknown_fields=True):
    """A product as a catalog declares it."""

    key: Key
    name: Short
    kind: Kind
    prices: Annotated[list[CatalogPrice], Meta(max_length=50)] = []


class Catalog(Struct, kw_only=True, forbid_unknown_fields=True):
    """All that is to be sold."""

    products: Annotated[list[CatalogProduct], Meta(max_length=500)]


class CatalogChange(Struct, kw_only=True):
    """One difference between the catalog and what is sold now: `fields` maps a field to [before, after].

    `replace` archives a price and makes its successor with the same key.
    """

    action: Literal["create", "change", "replace", "archive", "restore"]
    noun: Literal["product", "price"]
    key: str
    fields: dict[str, list[Any]] = {}


class CatalogDiff(Struct, kw_only=True):
    """What applying a catalog changes; `kept` are keys that the catalog lacks and that stay for want of `prune`."""

    changes: list[CatalogChange]
    unchanged: int
    kept: list[str]


APPLY = write("catalog.apply", "PUT", "/catalog", CatalogDiff, body=Catalog)
PLAN = Operation("catalog.plan", "POST", "/catalog/diff", CatalogDiff, body=Catalog, kind="read")
LIST = listing("products.list", "/products", Product)
SHOW = read("products.show", "/products/{product}", ProductDetail)
LIST_PRICES = listing("prices.list", "/prices", Price)
SHOW_PRICE = read("prices.show", "/prices/{price}", Price)
