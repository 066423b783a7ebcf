"""Applying a catalog: what is declared becomes what is sold; the same catalog twice changes nothing."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.products import policy, repository
from rtp.products.schemas import Catalog, CatalogChange, CatalogDiff, CatalogPrice, CatalogProduct, Price, Product


async def plan(frame: Frame, catalog: Catalog, *, prune: bool = False) -> CatalogDiff:
    """How a catalog differs from what is sold now.

    Raises: CatalogInvalid.
    """
    policy.check(catalog)
    return policy.diff(
        catalog, await repository.all_products(frame), await repository.active_prices(frame), prune=prune
    )


async def apply(frame: Frame, catalog: Catalog, *, prune: bool = False) -> CatalogDiff:
    """Sell what a catalog declares; what it lacks is archived only with `prune`.

    Raises: CatalogInvalid.
    """
    policy.check(catalog)
    await repository.lock(frame)
    products = {product.key: product for product in await repository.all_products(frame)}
    prices = {price.key: price for price in await repository.active_prices(frame)}
    found = policy.diff(catalog, list(products.values()), list(prices.values()), prune=prune)
    declared = _Declared(catalog)
    for change in found.changes:
        if change.noun == "product":
            products[change.key] = await _product(frame, change, declared, products.get(change.key))
        else:
            await _price(frame, change, declared, products, prices.get(change.key))
    frame.summary = {"changes": len(found.changes), "unchanged": found.unchanged, "kept": found.kept}
    return found


class _Declared:
    """The declared products and prices by their keys."""

    def __init__(self, catalog: Catalog) -> None:
        self.products: dict[str, CatalogProduct] = {product.key: product for product in catalog.products}
        self.prices: dict[str, tuple[str, CatalogPrice]] = {
            price.key: (product.key, price) for product in catalog.products for price in product.prices
        }


async def _product(frame: Frame, change: CatalogChange, declared: _Declared, before: Product | None) -> Product:
    if before is None:
        after = await repository.add_product(frame, declared.products[change.key])
        frame.record("product.created", after.id, after.version, after=after)
        return after
    values = {name: new for name, (_, new) in change.fields.items()}
    if change.action in ("archive", "restore"):
        values["status"] = "archived" if change.action == "archive" else "active"
    after = await repository.change_product(frame, before.id, **values)
    verb = {"change": "updated", "archive": "archived", "restore": "restored"}[change.action]
    frame.record(f"product.{verb}", after.id, after.version, before=before, after=after)
    return after


async def _price(
    frame: Frame, change: CatalogChange, declared: _Declared, products: dict[str, Product], before: Price | None
) -> None:
    if before is not None and change.action == "change":
        after = await repository.change_price(frame, before.id, trial_days=declared.prices[change.key][1].trial_days)
        frame.record("price.updated", after.id, after.version, before=before, after=after)
        return
    if before is not None:
        archived = await repository.change_price(frame, before.id, status="archived")
        frame.record("price.archived", archived.id, archived.version, before=before, after=archived)
    if change.action != "archive":
        product, price = declared.prices[change.key]
        added = await repository.add_price(frame, products[product], price)
        frame.record("price.created", added.id, added.version, after=added)
