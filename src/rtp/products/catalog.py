"""Applying a catalog: what is declared becomes what is sold; the same catalog twice changes nothing."""

from __future__ import annotations

import msgspec

from rtp.db.frame import Frame
from rtp.products import policy, repository
from rtp.products.schemas import Catalog, CatalogChange, CatalogDiff, Price, Product

HAPPENED = {"change": "updated", "replace": "archived", "archive": "archived", "restore": "restored"}
"""What an event says of a row that was there, by the change."""


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
    after = await _products(frame, _of("product", found), catalog, products)
    await _prices(frame, _of("price", found), catalog, products | after, prices)
    frame.summary = {"changes": len(found.changes), "unchanged": found.unchanged, "kept": found.kept}
    return found


def _of(noun: str, found: CatalogDiff) -> list[CatalogChange]:
    return [change for change in found.changes if change.noun == noun]


async def _products(
    frame: Frame, changes: list[CatalogChange], catalog: Catalog, before: dict[str, Product]
) -> dict[str, Product]:
    """The products that were added or changed, by key."""
    declared = {product.key: product for product in catalog.products}
    new = [declared[change.key] for change in changes if change.action == "create"]
    old = [change for change in changes if change.action != "create"]
    added = await repository.add_products(frame, new)
    changed = await repository.change_products(frame, [_changed(before[change.key], change) for change in old])
    for product in added:
        frame.record("product.created", product.id, product.version, after=product)
    for change, product in zip(old, changed, strict=True):
        event = f"product.{HAPPENED[change.action]}"
        frame.record(event, product.id, product.version, before=before[change.key], after=product)
    return {product.key: product for product in [*added, *changed]}


async def _prices(
    frame: Frame,
    changes: list[CatalogChange],
    catalog: Catalog,
    products: dict[str, Product],
    before: dict[str, Price],
) -> None:
    declared = {price.key: (product.key, price) for product in catalog.products for price in product.prices}
    old = [change for change in changes if change.action != "create"]
    new = [declared[change.key] for change in changes if change.action in ("create", "replace")]
    # The old row of a key leaves first: only one of a key may be active.
    changed = await repository.change_prices(frame, [_repriced(before[change.key], change) for change in old])
    added = await repository.add_prices(frame, [(products[key], price) for key, price in new])
    for change, price in zip(old, changed, strict=True):
        event = f"price.{HAPPENED[change.action]}"
        frame.record(event, price.id, price.version, before=before[change.key], after=price)
    for price in added:
        frame.record("price.created", price.id, price.version, after=price)


def _changed(before: Product, change: CatalogChange) -> Product:
    new = {name: values[1] for name, values in change.fields.items()}
    status = {"archive": "archived", "restore": "active"}.get(change.action, before.status)
    return msgspec.structs.replace(before, **new, status=status)


def _repriced(before: Price, change: CatalogChange) -> Price:
    if change.action == "change":
        return msgspec.structs.replace(before, trial_days=change.fields["trial_days"][1])
    return msgspec.structs.replace(before, status="archived")
