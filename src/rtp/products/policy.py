"""Rules of the catalog: what is valid, and how a declared catalog differs from what is sold. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from rtp.products.errors import CatalogInvalid
from rtp.products.schemas import Catalog, CatalogChange, CatalogDiff, CatalogPrice, CatalogProduct, Price, Product

SOLD = ("product", "amount", "interval", "interval_count")
"""Fields of a price that what a member bought consists of: changing one makes a new price."""


MAX_PRICES = 2_000
"""Prices that one catalog holds at most: it is applied in one transaction, and none lives longer than 2 s."""


def check(catalog: Catalog) -> None:
    """Refuse a catalog in which a key stands twice, a price is not more than zero, or there are too many prices.

    Raises: CatalogInvalid, with the path of every mistake.
    """
    if (count := sum(len(product.prices) for product in catalog.products)) > MAX_PRICES:
        raise CatalogInvalid(what=f"it holds {count:,} prices, and {MAX_PRICES:,} are the most")
    wrong: dict[str, str] = {}
    products: dict[str, str] = {}
    prices: dict[str, str] = {}
    for place, product in enumerate(catalog.products):
        _once(products, product.key, f"products[{place}].key", wrong)
        for number, price in enumerate(product.prices):
            path = f"products[{place}].prices[{number}]"
            _once(prices, price.key, f"{path}.key", wrong)
            if price.amount.amount <= 0:
                wrong[f"{path}.amount"] = f"{price.amount} is not more than zero"
    if wrong:
        raise CatalogInvalid(what="; ".join(f"{path}: {text}" for path, text in wrong.items()), fields=wrong)


def diff(catalog: Catalog, products: Sequence[Product], prices: Sequence[Price], *, prune: bool) -> CatalogDiff:
    """What has to change so that the catalog is sold: `products` are all there are, `prices` the active ones."""
    known = {product.key: product for product in products}
    active = {price.key: price for price in prices}
    result = CatalogDiff(changes=[], unchanged=0, kept=[])
    for declared in catalog.products:
        _count(result, product_change(declared, known.get(declared.key)))
        for price in declared.prices:
            _count(result, price_change(price, declared.key, active.get(price.key)))
    _missing(result, catalog, known, active, prune=prune)
    return result


def product_change(declared: CatalogProduct, known: Product | None) -> CatalogChange | None:
    """How a declared product differs from the one there is."""
    if known is None:
        fields = {name: [None, getattr(declared, name)] for name in ("name", "kind")}
        return CatalogChange(action="create", noun="product", key=declared.key, fields=fields)
    fields = _differing(("name", "kind"), known, declared)
    if known.status == "archived":
        return CatalogChange(action="restore", noun="product", key=declared.key, fields=fields)
    return CatalogChange(action="change", noun="product", key=declared.key, fields=fields) if fields else None


def price_change(declared: CatalogPrice, product: str, active: Price | None) -> CatalogChange | None:
    """How a declared price differs from the active one of its key."""
    wanted = {"product": product} | {name: getattr(declared, name) for name in (*SOLD[1:], "trial_days")}
    if active is None:
        fields = {name: [None, _plain(value)] for name, value in wanted.items()}
        return CatalogChange(action="create", noun="price", key=declared.key, fields=fields)
    found = {name: getattr(active, name) for name in wanted}
    fields = {name: [_plain(found[name]), _plain(wanted[name])] for name in wanted if found[name] != wanted[name]}
    if not fields:
        return None
    replaced = not fields.keys().isdisjoint(SOLD)
    return CatalogChange(action="replace" if replaced else "change", noun="price", key=declared.key, fields=fields)


def _missing(
    result: CatalogDiff, catalog: Catalog, known: Mapping[str, Product], active: Mapping[str, Price], *, prune: bool
) -> None:
    declared = {product.key for product in catalog.products}
    priced = {price.key for product in catalog.products for price in product.prices}
    gone_prices = sorted(key for key in active if key not in priced)
    gone_products = sorted(key for key, one in known.items() if key not in declared and one.status == "active")
    if not prune:
        result.kept += [*gone_products, *gone_prices]
        return
    result.changes += [CatalogChange(action="archive", noun="price", key=key) for key in gone_prices]
    result.changes += [CatalogChange(action="archive", noun="product", key=key) for key in gone_products]


def _count(result: CatalogDiff, change: CatalogChange | None) -> None:
    if change is None:
        result.unchanged += 1
    else:
        result.changes.append(change)


def _differing(names: Iterable[str], before: Any, after: Any) -> dict[str, list[Any]]:
    return {name: [getattr(before, name), getattr(after, name)] for name in names if
            getattr(before, name) != getattr(after, name)}  # fmt: skip


def _once(seen: dict[str, str], key: str, path: str, wrong: dict[str, str]) -> None:
    if key in seen:
        wrong[path] = f"{key!r} stands already at {seen[key]}"
    else:
        seen[key] = path


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
