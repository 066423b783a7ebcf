"""Every query on products and prices."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, insert, select, text, update

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.products.model import prices, products
from rtp.products.schemas import CatalogPrice, CatalogProduct, Kind, Price, Product, Status

_PRICES = select(prices, products.c.key.label("product_key")).join(products, products.c.id == prices.c.product_id)
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


def to_price(row: Row[Any]) -> Price:
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
    query = _PRICES.where(prices.c.status == "active")
    if product_id is not None:
        query = query.where(prices.c.product_id == product_id)
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
    query: Select[Any] = select(products)
    if status is not None:
        query = query.where(products.c.status == status)
    if kind is not None:
        query = query.where(products.c.kind == kind)
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
    query: Select[Any] = _PRICES
    if status is not None:
        query = query.where(prices.c.status == status)
    if product_id is not None:
        query = query.where(prices.c.product_id == product_id)
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


async def add_product(frame: Frame, declared: CatalogProduct) -> Product:
    """Insert a product."""
    values = {
        "id": frame.ids.uuid(),
        "key": declared.key,
        "name": declared.name,
        "kind": declared.kind,
        "status": "active",
        "version": 1,
        "created_at": frame.now,
        "updated_at": frame.now,
    }
    return to_product((await frame.execute(insert(products).values(values).returning(products))).one())


async def change_product(frame: Frame, product_id: str, **values: Any) -> Product:
    """Change columns and take the next version."""
    query = update(products).where(products.c.id == ids.parse("prod", product_id))
    query = query.values(**values, updated_at=frame.now, version=products.c.version + 1).returning(products)
    return to_product((await frame.execute(query)).one())


async def add_price(frame: Frame, product: Product, declared: CatalogPrice) -> Price:
    """Insert a price."""
    values = {
        "id": frame.ids.uuid(),
        "key": declared.key,
        "product_id": ids.parse("prod", product.id),
        "amount": declared.amount.amount,
        "currency": declared.amount.currency,
        "interval": declared.interval,
        "interval_count": declared.interval_count,
        "trial_days": declared.trial_days,
        "status": "active",
        "version": 1,
        "created_at": frame.now,
        "updated_at": frame.now,
    }
    await frame.execute(insert(prices).values(values))
    return await _price_of(frame, values["id"])


async def change_price(frame: Frame, price_id: str, **values: Any) -> Price:
    """Change columns and take the next version; the database refuses all but status and trial."""
    key = ids.parse("price", price_id)
    query = update(prices).where(prices.c.id == key)
    await frame.execute(query.values(**values, updated_at=frame.now, version=prices.c.version + 1))
    return await _price_of(frame, key)


async def _price_of(frame: Frame, price_id: Any) -> Price:
    return to_price((await frame.execute(_PRICES.where(prices.c.id == price_id))).one())


def _price(row: Row[Any] | None) -> Price | None:
    return None if row is None else to_price(row)
