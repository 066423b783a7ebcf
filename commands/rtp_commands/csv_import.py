"""Importing CSV: read as a stream, sent in batches with keys of their own, so that it can be resumed."""

from __future__ import annotations

import csv
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import msgspec

from rtp.client import ApiError, OutcomeUnknown
from rtp.errors import ExitCode, RtpError
from rtp.kit.data_files import example
from rtp.kit.text import counted
from rtp.operations import Operation
from rtp_commands.call import Call, Result
from rtp_commands.cells import spreadsheet
from rtp_commands.errors import Terminated, Usage
from rtp_commands.journal import Ending, Intent, Journal, new_id, now
from rtp_commands.words import printable_input
from rtp_commands.writing import ask_first, note

BYTES = 4_500_000
"""Size of a batch; the server takes 5 MB."""
FIELD_LIMIT = 100_000


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds: its columns with what stands for an empty cell (None: the column is required).

    `most` is the number of rows of a batch.
    """

    operation: Operation[Any, Any]
    columns: dict[str, str | None]
    most: int

    @property
    def required(self) -> set[str]:
        """The columns that a heading must have."""
        return {name for name, empty in self.columns.items() if empty is None}


class Refused(msgspec.Struct, kw_only=True):
    """A line that was not taken, and why."""

    row: int
    email: str
    code: str
    message: str


class BatchResult(msgspec.Struct, kw_only=True):
    """What every import answers to a batch."""

    created: int
    existing: int
    refused: list[Refused]


class Imported(msgspec.Struct, kw_only=True):
    """What became of a file; `existing` rows were there before and were left as they are."""

    file: str
    rows: int = 0
    created: int = 0
    existing: int = 0
    refused: int = 0
    batches: int = 0
    replayed: int = 0
    dry_run: bool = False


Row = dict[str, str | int]
"""One line of the file as it is sent."""


def import_file(call: Call, path: Path, result_file: Path | None, format: Format) -> Result:
    """Import a file; the exit code is 8 when rows were refused.

    Raises: Usage for a file that is no CSV of this format; what a batch raises, after saying how to go on.
    """
    if call.flags.plan:
        raise Usage(what="an import is many batches and has no plan: --dry-run shows what would become of each row")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(example(path).open(encoding="utf-8-sig", errors="surrogateescape", newline=""))
            refusals = Refusals(call, stack.enter_context(result_file.open("w", newline="")) if result_file else None)
        except OSError as error:
            raise Usage(what=f"{error.filename} cannot be opened: {error.strerror}") from error
        rows = checked_rows(file, path, refusals, format)
        summary = Import(call, path, refusals, format).run(rows)
    summary.refused = refusals.count
    summary.rows += refusals.unsent
    code = ExitCode.PARTLY if refusals.count else ExitCode.OK
    return Result(summary, code, _said(summary, result_file))


class Refusals:
    """Rows that were not taken, told one by one: on stderr, or in the file of `--result`."""

    def __init__(self, call: Call, file: IO[str] | None) -> None:
        self.count = 0
        self.unsent = 0
        self._call = call
        self._writer = csv.writer(file, quoting=csv.QUOTE_ALL) if file else None
        if self._writer:
            self._writer.writerow(["row", "email", "code", "message"])

    def broken(self, row: int, email: str, why: str) -> None:
        """Tell of a row that is not even sent."""
        self.unsent += 1
        self.add(Refused(row=row, email=email, code="broken_row", message=why))

    def add(self, refused: Refused) -> None:
        """Tell of one."""
        self.count += 1
        if self._writer:
            cells = [refused.row, refused.email, refused.code, refused.message]
            self._writer.writerow([spreadsheet(cell) for cell in cells])
        else:
            self._call.say(f"row {refused.row} ({refused.email or 'no e-mail'}): {refused.message} [{refused.code}]")


class Import:
    """One run over a file: the same key and the same file make the same batches, which the server knows again."""

    def __init__(self, call: Call, path: Path, refusals: Refusals, format: Format) -> None:
        self.call = call
        self.format = format
        self.refusals = refusals
        self.summary = Imported(file=str(path), dry_run=call.flags.dry_run)
        self.op_id = new_id()
        self.key = call.flags.idempotency_key or self.op_id
        self._resume = resume_command(self.key)
        self._journal = Journal(os.environ)

    def run(self, rows: Iterator[Row]) -> Imported:
        """Send every batch; on any end before the last one, say how to go on."""
        if not self.call.flags.dry_run:
            ask_first(self.call)
            self._begin()
        try:
            for lines, count in batches(rows, self.format.most):
                self._send(lines, count)
        except (KeyboardInterrupt, Terminated):
            self._stopped("unknown", "interrupted")
            raise
        except ApiError as error:
            self._stopped("refused", error.problem().code)
            raise
        except RtpError as error:
            self._stopped("unknown" if isinstance(error, OutcomeUnknown) else "refused", error.code())
            raise
        self._progress(end="\n")
        self._end("done", "")
        return self.summary

    def _send(self, lines: bytes, count: int) -> None:
        number = self.summary.batches + 1
        dry = self.call.flags.dry_run
        outcome = self.call.client.write(
            self.format.operation,
            key=None if dry else f"{self.key}-{number:06}",
            dry_run=dry,
            reason=self.call.flags.reason,
            op_id=self.op_id,
            lines=lines,
        )
        answer = outcome.plan.result if outcome.plan else outcome.value
        result = msgspec.convert(answer, BatchResult, from_attributes=True)
        self.summary.batches = number
        self.summary.rows += count
        self.summary.created += result.created
        self.summary.existing += result.existing
        self.summary.replayed += outcome.replayed
        for refused in result.refused:
            self.refusals.add(refused)
        self._progress()

    def _progress(self, end: str = "") -> None:
        if sys.stderr.isatty() and not self.call.flags.quiet:
            done = self.summary
            sys.stderr.write(
                f"\r{done.rows:,} rows: {done.created:,} created, {done.existing:,} were there, "
                f"{self.refusals.count:,} refused{end}"
            )
            sys.stderr.flush()

    def _begin(self) -> None:
        self.call.client  # noqa: B018 - a server that cannot be spoken to leaves no intent behind
        self._journal.begin(
            Intent(
                id=self.op_id,
                at=now(),
                operation=self.format.operation.id,
                method=self.format.operation.method,
                path="/v1" + self.format.operation.path,
                key=self.key,
                context=self.call.target.name,
                where=self.call.target.where,
                command=self._resume,
                resume=True,
            )
        )

    def _end(self, state: Any, code: str) -> None:
        if not self.call.flags.dry_run:
            note(self.call, self._journal, self.op_id, Ending(at=now(), state=state, code=code))

    def _stopped(self, state: Any, code: str) -> None:
        self._end(state, code)
        done = self.summary
        self.call.output.quiet = False
        came = f"{done.created} created, {done.existing} were there before"
        self.call.say(f"Stopped after {counted(done.rows, 'row')}: {came}.")
        if not self.call.flags.dry_run:
            self.call.say(f"Go on, with nothing done twice: {shlex.join(self._resume)}")


def resume_command(key: str) -> list[str]:
    """The command line of this import, with the key that makes it the same one."""
    words = [word for word in sys.argv[1:] if not word.startswith("--idempotency-key=")]
    while "--idempotency-key" in words:
        place = words.index("--idempotency-key")
        del words[place : place + 2]
    return ["rtp", *words, "--idempotency-key", key]


def checked_rows(file: IO[str], path: Path, refusals: Refusals, format: Format) -> Iterator[Row]:
    """The rows of the file; a broken one is refused alone.

    Raises: Usage when the heading lacks a column.
    """
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(file)
    try:
        heading = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as error:
        raise Usage(what=f"{path} is no CSV: {error}") from error
    if missing := format.required - set(heading):
        raise Usage(what=f"{path} has no column {', '.join(sorted(missing))}; its heading is: {', '.join(heading)}")
    return _rows(reader, heading, refusals, format)


def _rows(reader: Any, heading: list[str], refusals: Refusals, format: Format) -> Iterator[Row]:
    places = {name: heading.index(name) for name in format.columns if name in heading}
    number = 1
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            refusals.broken(number, "", str(error))
            continue
        if not any(cells):
            continue
        try:
            if len(cells) != len(heading):
                raise ValueError(f"{counted(len(cells), 'column')}, and the heading has {len(heading)}")
            values = {name: printable_input(cells[place]) for name, place in places.items()}
        except ValueError as error:
            email = cells[places["email"]] if places["email"] < len(cells) else ""
            refusals.broken(number, email, str(error))
            continue
        filled = {name: values.get(name, "").strip() or empty for name, empty in format.columns.items()}
        # An empty cell of a required column is sent as it is: the server says what is wrong with it.
        yield {"row": number} | {name: value or "" for name, value in filled.items() if value != ""}


def batches(rows: Iterator[Row], most: int) -> Iterator[tuple[bytes, int]]:
    """Lines of NDJSON, up to the server's limits."""
    buffer, count = bytearray(), 0
    for row in rows:
        line = msgspec.json.encode(row) + b"\n"
        if count and (count == most or len(buffer) + len(line) > BYTES):
            yield bytes(buffer), count
            buffer, count = bytearray(), 0
        buffer += line
        count += 1
    if count:
        yield bytes(buffer), count


def _said(summary: Imported, result_file: Path | None) -> str:
    if not summary.refused:
        return "Nothing was changed: it was a dry run." if summary.dry_run else "Done; no row was refused."
    where = f"; they are listed in {result_file}" if result_file else ""
    return f"{summary.refused} of {summary.rows} rows were refused{where}."
