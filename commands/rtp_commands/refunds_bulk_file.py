"""A file of refunds, read as a stream and sent in batches: never more of it in memory than one batch."""

from __future__ import annotations

import csv
import itertools
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import msgspec

from rtp.kit.data_files import example
from rtp.kit.text import counted
from rtp.refund_bulks import schemas
from rtp.refund_bulks.schemas import MAX_BATCH_ROWS, Bulk, CreateBulk
from rtp_commands.arguments import Asked
from rtp_commands.call import Call
from rtp_commands.csv_import import FIELD_LIMIT, batches
from rtp_commands.errors import FileBroken, Terminated, Usage
from rtp_commands.journal import new_id
from rtp_commands.words import printable_input
from rtp_commands.writing import intent_of, recorded

COLUMNS = ("payment", "amount", "reason", "note", "ticket", "key")
NDJSON = (".ndjson", ".jsonl")
Row = dict[str, Any]


def upload(
    call: Call, path: Path, *, max_count: int | None, max_totals: list[Asked], bulk: str | None, ticket: str = ""
) -> Bulk:
    """Send a file and close it as a plan; interrupted, it says how to go on.

    Raises: Usage for a file that is not one of refunds, what the server refuses.
    """
    if call.flags.dry_run or call.flags.plan:
        raise Usage(what="a bulk plan moves no money: it is the dry run of `rtp refunds bulk apply`")
    body = CreateBulk(file=path.name, max_count=max_count, max_totals=_caps(max_totals))
    with ExitStack() as stack:
        try:
            file = stack.enter_context(example(path).open(encoding="utf-8-sig", errors="surrogateescape", newline=""))
        except OSError as error:
            raise Usage(what=f"{error.filename} cannot be opened: {error.strerror}") from error
        rows = _json_rows(file, path) if path.suffix in NDJSON else _csv_rows(file, path)
        return _Upload(call, path, body, bulk, ticket).run(rows)


class _Upload:
    """One way of a file to the server; batches that are there already are not sent again."""

    def __init__(self, call: Call, path: Path, body: CreateBulk, bulk: str | None, ticket: str) -> None:
        self.call = call
        self.path = path
        self.body = body
        self.bulk = bulk
        self.ticket = ticket
        self.op_id = new_id()
        self.key = call.flags.idempotency_key or self.op_id

    def run(self, rows: Iterator[Row]) -> Bulk:
        """Send what is not there yet, then close the file."""
        intent = intent_of(self.call, schemas.CREATE, self.op_id, self.body, {}, None)
        intent = msgspec.structs.replace(intent, resume=True, command=["rtp", *sys.argv[1:]])
        outcome = recorded(self.call, intent, lambda: self._send(rows))
        return outcome.value  # type: ignore[no-any-return]

    def _send(self, rows: Iterator[Row]) -> Any:
        there = 0
        first = list(itertools.islice(rows, 1))  # a heading that is refused is refused before anything is sent
        if self.bulk is None:
            self.bulk = self._write(schemas.CREATE, "file", self.body).value.id
        else:
            there = self.call.client.read(schemas.SHOW, bulk=self.bulk).batches
        try:
            self._send_rows(itertools.chain(first, rows), there)
            return self._write(schemas.PLAN, "plan", None, bulk=self.bulk)
        except Usage as error:
            raise FileBroken(what=error.params["what"]) from error
        except (KeyboardInterrupt, Terminated):
            self.call.output.quiet = False
            self.call.say(f"Stopped; no money moved. Go on: {self._resume()}")
            raise

    def _send_rows(self, rows: Iterator[Row], there: int) -> None:
        """Send the batches after those that are `there`, telling how far it is in one line."""
        checked = told = 0
        try:
            for number, (lines, count) in enumerate(batches(self._filled(rows), MAX_BATCH_ROWS), start=1):
                checked += count
                if number > there:
                    self._write(schemas.ADD, f"{number:06}", None, lines=lines, bulk=self.bulk, batch=number)
                    told += self._tell(f"\r{counted(checked, 'row')} checked")
        finally:
            if told:
                self._tell("\n")

    def _write(self, op: Any, part: str, body: Any, *, lines: bytes | None = None, **at: Any) -> Any:
        return self.call.client.write(
            op, body, key=f"{self.key}-{part}", reason=self.call.flags.reason, op_id=self.op_id, lines=lines, at=at
        )

    def _filled(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows with the reason and the ticket that are given for those without."""
        for row in rows:
            if "reason" not in row and not self.call.flags.reason:
                raise Usage(what=f"{self.path} row {row['row']} has no reason, and --reason gives none for all")
            yield {"reason": self.call.flags.reason, "ticket": self.ticket} | row

    def _resume(self) -> str:
        words = ["rtp", *sys.argv[1:]]
        return shlex.join([*words, "--bulk", str(self.bulk)] if "--bulk" not in words else words)

    def _tell(self, text: str) -> bool:
        shown = sys.stderr.isatty() and not self.call.flags.quiet and "NO_COLOR" not in os.environ
        if shown:
            sys.stderr.write(text)
            sys.stderr.flush()
        return shown


def _caps(asked: list[Asked]) -> list[Any]:
    from rtp.kit.money import Money

    try:
        return [Money(one.minor(), one.code) for one in asked]
    except ValueError as error:
        raise Usage(what=f"--max-total: {error}") from error


def _csv_rows(file: IO[str], path: Path) -> Iterator[Row]:
    """The rows of a CSV; a file that is broken anywhere is refused as a whole, as its rows move money."""
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(file)
    try:
        heading = [name.strip().lower() for name in next(reader, [])]
        _check_columns(heading, path)
        while (cells := next(reader, None)) is not None:
            if any(cells):
                yield {"row": reader.line_num} | _cells(heading, cells, path, reader.line_num)
    except csv.Error as error:
        raise Usage(what=f"{path} line {reader.line_num} is no CSV: {error}") from error


def _cells(heading: list[str], cells: list[str], path: Path, line: int) -> Row:
    if len(cells) != len(heading):
        raise Usage(what=f"{path} line {line} has {counted(len(cells), 'column')}, and the heading has {len(heading)}")
    try:
        return {
            name: text for name, cell in zip(heading, cells, strict=True) if (text := printable_input(cell.strip()))
        }
    except ValueError as error:
        raise Usage(what=f"{path} line {line}: {error}") from error


def _check_columns(heading: list[str], path: Path) -> None:
    """A column that nobody knows may be a misspelt `amount`, without which a row is all that is left of a payment."""
    if not heading:
        raise Usage(what=f"{path} is empty; its first line names the columns, of which known are {', '.join(COLUMNS)}")
    if not all(name.isprintable() for name in heading):
        raise Usage(what=f"{path} is no text in UTF-8; a spreadsheet saves one as CSV UTF-8")
    if "payment" not in heading:
        commas = "" if len(heading) > 1 else "; a comma stands between two columns"
        raise Usage(what=f"{path} has no column payment{commas}; its heading is: {', '.join(heading)}")
    if unknown := [name for name in heading if name not in COLUMNS]:
        raise Usage(what=f"{path} has unknown columns: {', '.join(unknown)}; known are {', '.join(COLUMNS)}")
    if len(set(heading)) < len(heading):
        raise Usage(what=f"{path} names a column twice: {', '.join(heading)}")


def _json_rows(file: IO[str], path: Path) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(printable_input(line))
        except (msgspec.DecodeError, ValueError) as error:
            raise Usage(what=f"{path} line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise Usage(what=f"{path} line {number} is no object")
        if unknown := sorted(row.keys() - set(COLUMNS)):
            raise Usage(what=f"{path} line {number} has unknown fields: {', '.join(unknown)}")
        yield {"row": number} | row
