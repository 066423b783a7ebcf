"""The machine formats: json, ndjson, yaml, csv, ids; each writes resources as they come."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from rtp_commands.cells import is_money, spreadsheet
from rtp_commands.errors import NoIds
from rtp_commands.output import IDS
from rtp_commands.table import pick
from rtp_commands.words import safe, safe_json


def json_one(value: Any) -> str:
    """The resource, indented."""
    return safe_json(msgspec.json.format(_encode(value), indent=2).decode()) + "\n"


def json_many(items: Iterable[Any]) -> Iterator[str]:
    """An array, written item by item."""
    mark = "[\n  "
    for item in items:
        text = safe_json(msgspec.json.format(_encode(item), indent=2).decode())
        yield mark + text.replace("\n", "\n  ")
        mark = ",\n  "
    yield "[]\n" if mark == "[\n  " else "\n]\n"


def ndjson(items: Iterable[Any]) -> Iterator[str]:
    """One line per resource."""
    for item in items:
        yield safe_json(_encode(item).decode()) + "\n"


def yaml_one(value: Any) -> str:
    """One YAML document."""
    return _yaml(value)


def yaml_many(items: Iterable[Any]) -> Iterator[str]:
    """A YAML sequence, written item by item."""
    empty = True
    for item in items:
        empty = False
        yield _yaml([item])
    if empty:
        yield "[]\n"


def csv_many(items: Iterable[dict[str, Any]], columns: list[str] | None) -> Iterator[str]:
    """A heading and one row per resource, everything quoted; money takes two columns."""
    names = columns
    for item in items:
        if names is None or names is columns:
            names = _csv_columns(item, columns)
            yield _csv_line(names)
        yield _csv_line([spreadsheet(pick(item, name)) for name in names])
    if names is columns and columns:
        yield _csv_line(columns)


def ids(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One id per line.

    Raises: NoIds for things that have none.
    """
    for item in items:
        found = next((item[name] for name in IDS if isinstance(item.get(name), str)), None)
        if found is None:
            raise NoIds(known=", ".join(item))
        yield safe(found) + "\n"


def _csv_columns(item: dict[str, Any], columns: list[str] | None) -> list[str]:
    names = []
    for name in columns or list(item):
        names += [f"{name}.amount", f"{name}.currency"] if is_money(pick(item, name)) else [name]
    return names


def _csv_line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)


def _yaml(value: Any) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = '"' if safe(value) != value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    plain = msgspec.to_builtins(value, enc_hook=str)
    return safe_json(yaml.dump(plain, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100))
