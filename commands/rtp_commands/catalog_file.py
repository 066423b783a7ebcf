"""Reading a catalog from YAML: strict, because a typing mistake here is a wrong price for every member."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from rtp.kit.data_files import example
from rtp.kit.money import Money
from rtp.products.schemas import Catalog, CatalogPrice, CatalogProduct, Interval, Kind
from rtp_commands.errors import Usage

T = TypeVar("T")
MAX_BYTES = 1_000_000
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]+)?")


class FilePrice(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A price as the file states it: the amount in major units, the rest from its product if left out."""

    key: str
    amount: str | int
    interval: Interval
    interval_count: int = 1
    trial_days: int | None = None
    currency: str | None = None


class FileProduct(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A product as the file states it."""

    key: str
    name: str
    kind: Kind
    trial_days: int = 0
    currency: str | None = None
    prices: list[FilePrice] = []


class File(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole file; `currency` holds where nothing else is said."""

    products: list[FileProduct]
    currency: str = "USD"


class _Loader(yaml.SafeLoader):
    """Plain values only: neither aliases nor a key that stands twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not read", problem_mark=self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                problem = f"{key.value!r} stands twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(path: Path) -> Catalog:
    """The catalog in a file, or on stdin for `-`.

    Raises: Usage, naming the file and the line or path of what is wrong.
    """
    file = loaded(path, File)
    products = [_product(path, place, one, file.currency) for place, one in enumerate(file.products)]
    return Catalog(products=products)


def loaded(path: Path, kind: type[T]) -> T:
    """What a YAML file holds, or stdin for `-`, as a struct: plain values only, and no number with decimals.

    Raises: Usage, naming the file and the line or path of what is wrong.
    """
    plain = _load(path, _content(path))
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        raise refused(path, place.rstrip("`").lstrip(".") or "the file", what) from error


def _content(path: Path) -> bytes:
    try:
        content = sys.stdin.buffer.read(MAX_BYTES + 1) if str(path) == "-" else _start_of(path)
    except OSError as error:
        raise Usage(what=f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise Usage(what=f"{path} is larger than {MAX_BYTES:,} bytes")
    return content


def _start_of(path: Path) -> bytes:
    with example(path).open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _load(path: Path, content: bytes) -> Any:
    try:
        loaded = yaml.load(content.decode(), _Loader)  # noqa: S506 - a SafeLoader that refuses more
    except UnicodeDecodeError as error:
        raise Usage(what=f"{path} is not UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise refused(path, where, error.problem or "not YAML") from error
    except (yaml.YAMLError, ValueError) as error:
        raise refused(path, "the file", str(error).partition("\n")[0]) from error
    except RecursionError as error:
        raise refused(path, "the file", "it is nested too deeply") from error
    if (place := _float(loaded, "")) is not None:
        raise refused(path, place, 'a number with decimals may not be exact; write it as text, such as "197.00"')
    return loaded


def _float(value: Any, place: str) -> str | None:
    """The path of the first floating-point number."""
    if isinstance(value, float):
        return place
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = ((f"{place}.{key}".lstrip("."), item) for key, item in value.items())
    elif isinstance(value, list):
        pairs = ((f"{place}[{number}]", item) for number, item in enumerate(value))
    return next((found for inner, item in pairs if (found := _float(item, inner)) is not None), None)


def _product(path: Path, place: int, one: FileProduct, currency: str) -> CatalogProduct:
    prices = [
        CatalogPrice(
            key=price.key,
            amount=_money(path, f"products[{place}].prices[{number}]", price, one.currency or currency),
            interval=price.interval,
            interval_count=price.interval_count,
            trial_days=one.trial_days if price.trial_days is None else price.trial_days,
        )
        for number, price in enumerate(one.prices)
    ]
    return CatalogProduct(key=one.key, name=one.name, kind=one.kind, prices=prices)


def _money(path: Path, place: str, price: FilePrice, currency: str) -> Money:
    text = str(price.amount)
    if not _AMOUNT.fullmatch(text):
        raise refused(path, f"{place}.amount", f"{text!r} is not an amount such as 197.00")
    try:
        return Money.parse(text, price.currency or currency)
    except ValueError as error:
        raise refused(path, f"{place}.amount", str(error)) from error


def refused(path: Path, place: str, what: str) -> Usage:
    """What is wrong in a file, and where."""
    return Usage(what=f"{path}: {place}: {what}", fields={place: what})
