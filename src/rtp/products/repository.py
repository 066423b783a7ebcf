"""Every query on products and prices."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, text

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.products.model import prices, products
from rtp.products.schemas import CatalogPrice, CatalogProduct, Kind, Price, Product, Status

_PRICES = select(prices, products.c.key.label("product_key")).join(products, products.c.id == prices.c.product_id)
T = TypeVar("T", Product, Price)
_CHANGE_PRODUCTS = text(
    """
    UPDATE products p SET name = v.name, kind = v.kind, status = v.status, updated_at = :now, version = p.version + 1
    FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[]), CAST(:kinds AS text[]), CAST(:statuses AS text[]))
        AS v(id, name, kind, status)
    WHERE p.id = v.id RETURNING p.id, p.version
    """
)
_CHANGE_PRICES = text(
    """
    UPDATE prices p SET trial_days = v.trial_days, status = v.status, updated_at = :now, version = p.version + 1
    FROM unnest(CAST(:ids AS uuid[]), CAST(:trials AS integer[]), CAST(:statuses AS text[]))
        AS v(id, trial_days, status)
    WHERE p.id = v.id RETURNING p.id, p.version
    """
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('rtp.catalog', 0))")


def to_product(row: Row[Any]) -> Product:
    """A row as the struct that leaves the repository."""
    return Product(
        id=ids.show("prod", row.id),
        key=row.key,
        name=row.name,
        kind=row.kind,
        status=row.status,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def to_price(row: Any) -> Price:
    """A row, joined with its product's key, as the struct that leaves the repository."""
    return Price(
        id=ids.show("price", row.id),
        key=row.key,
        product=row.product_key,
        product_id=ids.show("prod", row.product_id),
        amount=Money(row.amount, row.currency),
        interval=row.interval,
        interval_count=row.interval_count,
        trial_days=row.trial_days,
        status=row.status,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def lock(frame: Frame) -> None:
    """Let one transaction at a time change the catalog."""
    await frame.execute(_LOCK)


async def all_products(frame: Frame) -> list[Product]:
    """Every product, archived ones included."""
    return [to_product(row) for row in await frame.all(select(products).order_by(products.c.id))]


async def active_prices(frame: Frame, product_id: UUID | None = None) -> list[Price]:
    """The prices that can be bought, of one product or of all, shortest period first."""
    query = matching(_PRICES.where(prices.c.status == "active"), (prices.c.product_id, product_id))
    found = [to_price(row) for row in await frame.all(query.order_by(prices.c.id))]
    return sorted(found, key=lambda price: (price.product, price.months))


async def find_product(frame: Frame, key: str) -> Product | None:
    """The product with this id or natural key."""
    named = products.c.id == ids.parse("prod", key) if key.startswith("prod_") else products.c.key == key
    row = await frame.first(select(products).where(named))
    return None if row is None else to_product(row)


async def find_price(frame: Frame, key: str) -> Price | None:
    """The price with this id, or the active one with this natural key, or else the last that was."""
    if key.startswith("price_"):
        return _price(await frame.first(_PRICES.where(prices.c.id == ids.parse("price", key))))
    named = _PRICES.where(prices.c.key == key)
    active = await frame.first(named.where(prices.c.status == "active"))
    return _price(active or await frame.first(named.order_by(prices.c.id.desc()).limit(1)))


async def page_products(frame: Frame, page: PageRequest, *, status: Status | None, kind: Kind | None) -> Page[Product]:
    """One page of products."""
    query = matching(select(products), (products.c.status, status), (products.c.kind, kind))
    return await page_of(
        frame,
        page,
        query,
        key=products.c.id,
        sorts={"created_at": products.c.id, "key": products.c.key},
        default="created_at",
        time=products.c.created_at,
        build=to_product,
    )


async def page_prices(
    frame: Frame, page: PageRequest, *, status: Status | None, product_id: UUID | None, search: str
) -> Page[Price]:
    """One page of prices."""
    query = matching(_PRICES, (prices.c.status, status), (prices.c.product_id, product_id))
    if search:
        query = query.where(prices.c.key.contains(search.lower(), autoescape=True))
    return await page_of(
        frame,
        page,
        query,
        key=prices.c.id,
        sorts={"created_at": prices.c.id, "key": prices.c.key},
        default="created_at",
        time=prices.c.created_at,
        build=to_price,
    )


async def add_products(frame: Frame, declared: Sequence[CatalogProduct]) -> list[Product]:
    """Insert products, set-wise."""
    rows: list[dict[str, Any]] = [
        {
            "id": frame.ids.uuid(),
            "key": one.key,
            "name": one.name,
            "kind": one.kind,
            "status": "active",
            "version": 1,
            "created_at": frame.now,
            "updated_at": frame.now,
        }
        for one in declared
    ]
    if rows:
        await frame.execute(insert(products), rows)
    return [Product(**row | {"id": ids.show("prod", row["id"])}) for row in rows]


async def add_prices(frame: Frame, declared: Sequence[tuple[Product, CatalogPrice]]) -> list[Price]:
    """Insert prices, set-wise."""
    rows: list[dict[str, Any]] = [
        {
            "id": frame.ids.uuid(),
            "key": one.key,
            "product_id": ids.parse("prod", product.id),
            "amount": one.amount.amount,
            "currency": one.amount.currency,
            "interval": one.interval,
            "interval_count": one.interval_count,
            "trial_days": one.trial_days,
            "status": "active",
            "version": 1,
            "created_at": frame.now,
            "updated_at": frame.now,
        }
        for product, one in declared
    ]
    if rows:
        await frame.execute(insert(prices), rows)
    keys = [product.key for product, _ in declared]
    return [to_price(SimpleNamespace(**row, product_key=key)) for row, key in zip(rows, keys, strict=True)]


async def change_products(frame: Frame, wanted: Sequence[Product]) -> list[Product]:
    """Write name, kind and status of products, set-wise; each takes its next version."""
    values = {
        "now": frame.now,
        "ids": [ids.parse("prod", one.id) for one in wanted],
        "names": [one.name for one in wanted],
        "kinds": [one.kind for one in wanted],
        "statuses": [one.status for one in wanted],
    }
    versions = {row.id: row.version for row in await frame.all(_CHANGE_PRODUCTS, values)} if wanted else {}
    return [_next(frame, one, versions[ids.parse("prod", one.id)]) for one in wanted]


async def change_prices(frame: Frame, wanted: Sequence[Price]) -> list[Price]:
    """Write status and trial of prices, set-wise; the database lets the application change nothing else of them."""
    values = {
        "now": frame.now,
        "ids": [ids.parse("price", one.id) for one in wanted],
        "trials": [one.trial_days for one in wanted],
        "statuses": [one.status for one in wanted],
    }
    versions = {row.id: row.version for row in await frame.all(_CHANGE_PRICES, values)} if wanted else {}
    return [_next(frame, one, versions[ids.parse("price", one.id)]) for one in wanted]


def _next(frame: Frame, one: T, version: int) -> T:
    return msgspec.structs.replace(one, version=version, updated_at=frame.now)


def _price(row: Row[Any] | None) -> Price | None:
    return None if row is None else to_price(row)
