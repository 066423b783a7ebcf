"""A bulk refund as people follow it: the receipt of its plan, its progress, what became of each row."""

from __future__ import annotations

import csv
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtp.errors import ExitCode
from rtp.kit.money import Money
from rtp.kit.text import counted
from rtp.refund_bulks import schemas
from rtp.refund_bulks.schemas import Bulk, BulkOutcome
from rtp_commands.call import Call, Result
from rtp_commands.cells import Cell, minute, spreadsheet
from rtp_commands.errors import ResultsNotWritten, StillPending, Terminated, Usage
from rtp_commands.receipt import LOUD
from rtp_commands.table import Line, pairs
from rtp_commands.words import safe

PAUSE, LONG_PAUSE = 0.5, 2.0
"""Seconds between looks; of thousands of rows every count costs as much as a refund."""
MANY = 1000
SHOWN = 10
"""Refused rows that are told one by one; all of them go to the file of `--results`."""
SPANS = {"day": "1 day", "week": "7 days", "month": "30 days"}
ENDED = frozenset({"succeeded", "partly", "failed", "canceled"})
COLUMNS = (
    "row",
    "payment",
    "amount",
    "currency",
    "state",
    "refund",
    "reason",
    "note",
    "ticket",
    "key",
    "approval",
    "code",
    "message",
)
_pause = threading.Event()


def planned(call: Call, bulk: Bulk, results: Path | None) -> Result:
    """The plan, with the rows that it refuses; exits 8 when there are some, 7 when no row is left."""
    refused = _first_refused(call, bulk)
    for row in refused:
        call.say(f"row {row.row} ({row.payment or 'no payment'}): {row.message} [{row.code}]")
    if bulk.refused > len(refused):
        call.say(f"and {bulk.refused - len(refused)} more: rtp refunds bulk export {bulk.id} --state refused --all")
    if results is not None:
        write_results(call, bulk.id, results)
    code = ExitCode.OK if not bulk.refused else ExitCode.PARTLY if bulk.accepted else ExitCode.REFUSED
    return told(call, bulk, code)


def told(call: Call, bulk: Bulk, code: ExitCode = ExitCode.OK) -> Result:
    """A bulk refund on stdout: as a receipt in a table, else as it is."""
    said = ""
    if bulk.state == "planned":
        who = "Another person than who planned it carries it out" if bulk.above else "To carry it out"
        way = f"{who}: rtp refunds bulk apply {bulk.id}" if bulk.accepted else "No row of it can be refunded."
        said = f"Nothing has moved. {way}"
    if call.output.format != "table" or call.flags.fields is not None:
        return Result(bulk, code, said)
    call.output.lines(receipt(bulk, call.output.wide))
    return Result(None, code, said)


def receipt(bulk: Bulk, wide: int) -> list[Line]:
    """What was planned, what is capped, and how far it has come."""
    caps = [counted(bulk.max_count, "refund")] if bulk.max_count else []
    caps += [str(one) for one in bulk.max_totals]
    rows = [
        ("Bulk", f"{bulk.id}, {bulk.file}"),
        ("State", bulk.state),
        *_planner(bulk),
        ("Rows", f"{bulk.rows}, of which {bulk.refused} refused"),
        ("Refunds", f"{bulk.accepted}, together {_money(bulk.totals)}"),
        ("At most", ", ".join(caps) or "without a cap"),
        *_policy(bulk),
    ]
    if bulk.saga_id is not None:
        rows += [
            ("Done", f"{bulk.done}, moved {_money(bulk.moved)}"),
            ("Failed", str(bulk.failed)),
            ("Canceled", str(bulk.canceled)),
            ("Left", str(bulk.left) + (f", of which {bulk.waiting} wait for a second person" if bulk.waiting else "")),
            ("Saga", bulk.saga_id),
        ]
    elif bulk.expires_at is not None and bulk.state == "planned":
        rows += [("Valid until", f"{minute(bulk.expires_at.isoformat())} UTC, or until a payment of it changes")]
    rows += _second_person(bulk)
    if bulk.error:
        rows += [("Stopped", bulk.error)]
    rows += [("Final", "A refund that succeeded cannot be undone.")]
    rows += [("WARNING", bulk.warning)] if bulk.warning else []
    return pairs([(name, Cell(safe(text), style=LOUD.get(name, ""))) for name, text in rows], wide)


def _planner(bulk: Bulk) -> list[tuple[str, str]]:
    at = f", {minute(bulk.planned_at.isoformat())} UTC" if bulk.planned_at is not None else ""
    return [("Planned by", f"{bulk.planner}{at}")] if bulk.planner else []


def _second_person(bulk: Bulk) -> list[tuple[str, str]]:
    """That all rows together are above the policy's amount, and what another person runs then."""
    if bulk.above is None:
        return []
    why = f"above {bulk.above} in all, so another person than who planned it must look at it and run:"
    return [("Second look", why), ("", f"rtp refunds bulk apply {bulk.id}")]


def _policy(bulk: Bulk) -> list[tuple[str, str]]:
    """What the refund policy said of the rows, and what all of them leave of each rolling limit."""
    if bulk.policy_version is None:
        return []
    rows = [("Policy", f"version {bulk.policy_version}" if bulk.policy_version else "none is applied")]
    if bulk.approvals and bulk.state in {"planned", "applying"}:
        rows += [("Approval", f"{bulk.approvals} of the refunds will wait for a second person")]
    for use in bulk.limits:
        said = f"{use.limit} for the {use.whose}: {use.used} used, {use.asked} asked, {use.left} left"
        rows += [(f"  {SPANS[use.span]}", said)]
    return rows


@contextmanager
def interruptible(call: Call, bulk: str) -> Iterator[None]:
    """Say how to go on when the block is interrupted: the same command, whether or not its request was taken."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        call.output.quiet = False
        call.say("")
        call.say(f"What was accepted goes on without you. Watch it again: rtp refunds bulk apply {bulk}")
        call.say(f"Stop what is left: rtp refunds bulk cancel {bulk}")
        raise


def followed(call: Call, bulk: Bulk, results: Path | None) -> Result:
    """Look again until every row has ended, telling how far it is.

    Raises: StillPending when nothing moved for `--timeout` seconds.
    """
    if not call.flags.wait:
        return told(call, bulk)
    bulk = _until_the_end(call, bulk)
    if results is not None:
        write_results(call, bulk.id, results)
    some = ExitCode.PARTLY if bulk.done else ExitCode.REFUSED
    return told(call, bulk, ExitCode.OK if bulk.done == bulk.accepted else some)


def _until_the_end(call: Call, bulk: Bulk) -> Bulk:
    moved, before = time.monotonic(), _place(bulk)
    while bulk.state not in ENDED:
        if _place(bulk) != before:
            moved, before = time.monotonic(), _place(bulk)
        held_up = bulk.waiting and bulk.waiting == bulk.left
        if held_up or time.monotonic() - moved >= call.flags.timeout:
            state = "waiting for a second person (rtp refunds list --state waiting)" if held_up else "under way"
            hint = f"rtp refunds bulk apply {bulk.id}, or rtp sagas show {bulk.saga_id}"
            raise StillPending(what=bulk.id, state=state, seconds=f"{call.flags.timeout:g}", hint=hint)
        _pause.wait(PAUSE if bulk.accepted < MANY else LONG_PAUSE)
        bulk = call.client.read(schemas.SHOW, bulk=bulk.id)
        _progress(call, bulk, end="\n" if bulk.state in ENDED else "")
    return bulk


def _place(bulk: Bulk) -> tuple[int, ...]:
    return bulk.done, bulk.failed, bulk.canceled, bulk.waiting, bulk.version


def _progress(call: Call, bulk: Bulk, end: str) -> None:
    if sys.stderr.isatty() and not call.flags.quiet:
        sys.stderr.write(
            f"\r{bulk.done:,} of {bulk.accepted:,} refunds done ({_money(bulk.moved)}), {bulk.failed:,} failed, "
            f"{bulk.left:,} left {end}"
        )
        sys.stderr.flush()


def check_results(path: Path | None) -> None:
    """Refuse a file that cannot be written before anything is sent, for then it is told too late.

    Raises: Usage.
    """
    if path is None:
        return
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        why = "it is a folder" if path.is_dir() else "there is no such folder, or it is not yours to write in"
        raise Usage(what=f"--results: {path} cannot be written: {why}")


def write_results(call: Call, bulk: str, path: Path) -> None:
    """Write what became of each row, page by page.

    Raises: ResultsNotWritten.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for page in call.client.pages(schemas.ROWS, bulk=bulk, limit=500):
                writer.writerows([spreadsheet(cell) for cell in _cells(row)] for row in page.items)
    except OSError as error:
        raise ResultsNotWritten(bulk=bulk, file=path, why=error.strerror) from error


def _cells(row: BulkOutcome) -> list[str]:
    amount, _, currency = ("", "", "") if row.amount is None else str(row.amount).replace(",", "").partition(" ")
    told = [row.payment, amount, currency, row.state, row.refund_id or "", row.reason, row.note, row.ticket]
    return [str(row.row), *told, row.key or "", "needed" if row.approval else "", row.code, row.message]


def _first_refused(call: Call, bulk: Bulk) -> list[BulkOutcome]:
    if not bulk.refused:
        return []
    return list(call.client.page(schemas.ROWS, bulk=bulk.id, state="refused", limit=SHOWN).items)


def _money(totals: list[Money]) -> str:
    return ", ".join(str(one) for one in totals) or "nothing"
