"""The output object: data on stdout in one of six formats, everything said about it on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from rtp_commands import table
from rtp_commands.errors import NoIds, UnknownField
from rtp_commands.flags import Format
from rtp_commands.leaf import fields_of
from rtp_commands.words import WIDEST, closest, safe

OFF_TERMINAL = 80
IDS = ("id", "key", "name")
"""What is printed as the id of a thing: the first of these that it has."""


class Output:
    """Where the result of a command goes; `fields` are those asked for, `columns` those of the table."""

    def __init__(
        self, format: Format = "table", *, fields: str | None = None, quiet: bool = False, columns: Sequence[str] = ()
    ) -> None:
        self.format = format
        self.fields = [name.strip() for name in fields.split(",") if name.strip()] if fields is not None else None
        self.quiet = quiet
        self.columns = list(columns)
        self.terminal = sys.stdout.isatty()

    def check_fields(self, kind: Any) -> None:
        """Refuse an unknown field, and ids of what has none, before anything is sent.

        Raises: UnknownField, NoIds, which list the fields there are.
        """
        known = fields_of(kind)
        if self.format == "ids" and known and not set(IDS) & set(known):
            raise NoIds(known=", ".join(known))
        if self.fields is None or not known:
            return
        for field in self.fields:
            if field.partition(".")[0] not in known:
                near = closest(field, known)
                hint = f"--fields {near[0]}" if near else None
                raise UnknownField(field=repr(field), known=", ".join(known), hint=hint)
        if not self.fields:
            raise UnknownField(field="''", known=", ".join(known))

    def one(self, value: Any) -> None:
        """Print one resource."""
        plain = msgspec.to_builtins(value, enc_hook=str)
        if self.fields is not None and isinstance(plain, dict):
            plain = {name: table.pick(plain, name) for name in self.fields}
        for text in self._one(plain):
            self.write(text)

    def many(self, pages: Iterable[Sequence[Any]]) -> int:
        """Print a list, page by page as it comes; the value is how many there were."""
        counted = _Counted(pages)
        if self.format == "table":
            for page in counted.pages():
                self._table([self._picked(item) for item in page])
        else:
            for text in self._many(self._picked(item) for page in counted.pages() for item in page):
                self.write(text)
        return counted.count

    def say(self, text: str) -> None:
        """Tell the person something, on stderr; `--quiet` keeps it back."""
        if not self.quiet:
            print(safe(text), file=sys.stderr, flush=True)

    def tell(self, lines: Sequence[table.Line]) -> None:
        """Tell the person several lines, on stderr and without colour."""
        for line in lines:
            self.say("".join(text for text, _ in line).rstrip())

    def write(self, text: str) -> None:
        """Write to stdout as it is."""
        sys.stdout.write(text)

    def lines(self, lines: Sequence[table.Line]) -> None:
        """Write styled lines: with colour on a terminal, plain elsewhere."""
        if self.terminal and "NO_COLOR" not in os.environ:
            _rich(lines)
        else:
            self.write(table.plain(lines))

    @property
    def wide(self) -> int:
        """Columns there are: the terminal's up to 100, and 80 where there is none."""
        if not self.terminal:
            return OFF_TERMINAL
        import shutil

        return min(WIDEST, shutil.get_terminal_size((OFF_TERMINAL, 24)).columns)

    def _one(self, value: Any) -> Iterator[str]:
        from rtp_commands import formats

        if self.format == "table":
            self._card(value)
        elif self.format == "json":
            yield formats.json_one(value)
        elif self.format == "yaml":
            yield formats.yaml_one(value)
        elif self.format == "ndjson":
            yield from formats.ndjson(value if isinstance(value, list) else [value])
        else:
            rows = value if isinstance(value, list) else [value]
            yield from formats.ids(rows) if self.format == "ids" else formats.csv_many(rows, self.fields)

    def _many(self, items: Iterable[dict[str, Any]]) -> Iterator[str]:
        from rtp_commands import formats

        if self.format == "json":
            return formats.json_many(items)
        if self.format == "ndjson":
            return formats.ndjson(items)
        if self.format == "yaml":
            return formats.yaml_many(items)
        return formats.ids(items) if self.format == "ids" else formats.csv_many(items, self.fields)

    def _picked(self, item: Any) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(item, enc_hook=str)
        if self.fields is None or self.format == "ids":
            return plain
        return plain if self.format in ("table", "csv") else {name: table.pick(plain, name) for name in self.fields}

    def _card(self, value: Any) -> None:
        if isinstance(value, dict):
            self.lines(table.card(value, columns_wide=self.wide, terminal=self.terminal))
        elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
            self._table(value)
        elif value is not None:
            self.write("".join(f"{safe(line)}\n" for line in str(value).removesuffix("\n").split("\n")))

    def _table(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        columns = self.fields or self.columns or list(table.flat(rows[0]))
        self.lines(table.table(columns, rows, columns_wide=self.wide, terminal=self.terminal))


class _Counted:
    """Counts what passes."""

    def __init__(self, pages: Iterable[Sequence[Any]]) -> None:
        self._pages = pages
        self.count = 0

    def pages(self) -> Iterator[Sequence[Any]]:
        for page in self._pages:
            self.count += len(page)
            yield page


def _rich(lines: Sequence[table.Line]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    for line in lines:
        console.print(Text.assemble(*line))
