"""The ledger as other programs read it: beancount, ledger and hledger, spreadsheets; written as transactions come."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC
from decimal import Decimal
from pathlib import Path

from rtp.kit.clock import to_text
from rtp.kit.currencies import EXPONENTS
from rtp.kit.money import Money
from rtp.ledger.schemas import Side, Transaction
from rtp_commands.cells import spreadsheet
from rtp_commands.errors import FileNotWritten

ROOTS = {"asset": "Assets", "liability": "Liabilities", "income": "Income", "contra": "Income", "expense": "Expenses"}
"""The five kinds of account that plain-text accounting knows; what lessens income is under it."""
OPENED = "1970-01-01"
HEADING = ("time", "transaction", "kind", "source", "user", "account", "amount", "currency")
_NOT_IN_NAMES = re.compile(r"[^0-9A-Za-z]+")


def beancount(transactions: Iterable[Transaction]) -> Iterator[str]:
    """A journal for beancount: an account is opened where it first occurs, as the order of lines does not count."""
    yield 'option "title" "rtp"\n'
    known: set[str] = set()
    for one in transactions:
        yield "\n"
        for name in sorted({account(side) for side in one.sides} - known):
            known.add(name)
            yield f"{OPENED} open {name}\n"
        yield f'{_date(one)} * "{one.user_id}" "{one.kind} {one.source}" ^{one.source}\n'
        yield f'  id: "{one.id}"\n  time: "{to_text(one.at)}"\n'
        yield from _sides(one)


def ledger(transactions: Iterable[Transaction]) -> Iterator[str]:
    """A journal for ledger and hledger."""
    yield "tag id\ntag user\ntag time\n"
    known: set[str] = set()
    for one in transactions:
        for currency in sorted({side.amount.currency for side in one.sides} - known):
            known.add(currency)
            yield f"commodity {currency}\n{_format(currency)}"
        for name in sorted({account(side) for side in one.sides} - known):
            known.add(name)
            yield f"account {name}\n"
        yield f"\n{_date(one)} * ({one.source}) {one.kind}\n"
        yield f"    ; id: {one.id}\n    ; user: {one.user_id}\n    ; time: {to_text(one.at)}\n"
        yield from _sides(one)


def table(transactions: Iterable[Transaction]) -> Iterator[str]:
    """One row a side, a heading first; text that a spreadsheet would run as a formula begins with an apostrophe."""
    yield _row(HEADING)
    for one in transactions:
        for side in one.sides:
            amount, _, currency = _plain(side.amount).partition(" ")
            values = (to_text(one.at), one.id, one.kind, one.source, one.user_id, side.account, amount, currency)
            yield _row(values)


WRITERS: dict[str, Callable[[Iterable[Transaction]], Iterator[str]]] = {
    "beancount": beancount,
    "ledger": ledger,
    "csv": table,
}
"""Each format by its name."""


def save(file: Path, texts: Iterable[str]) -> int:
    """Write a file whole or leave what was there; the value is how many lines it has.

    Raises: FileNotWritten.
    """
    fresh = file.with_name(f".{file.name}.part")
    try:
        with fresh.open("w", encoding="utf-8", newline="") as opened:
            count = pour(opened.write, texts)
        os.replace(fresh, file)
    except OSError as error:
        raise FileNotWritten(file=str(file), why=error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            fresh.unlink()
    return count


def pour(write: Callable[[str], object], texts: Iterable[str]) -> int:
    """Write text as it comes; the value is how many lines it was."""
    count = 0
    for text in texts:
        write(text)
        count += text.count("\n")
    return count


def account(side: Side) -> str:
    """Its name in plain-text accounting: `clearing:sandbox` is `Assets:Clearing:Sandbox`."""
    parts = (_NOT_IN_NAMES.sub("-", part.title()).strip("-") or "X" for part in side.account.split(":"))
    return ":".join([ROOTS[side.type], *parts])


def _sides(one: Transaction) -> Iterator[str]:
    for side in one.sides:
        yield f"  {account(side):<40}  {_plain(side.amount):>24}\n"


def _format(currency: str) -> str:
    """How ledger shows a currency; for one without places the two programs take no form in common."""
    return f"    format 1000.{'0' * EXPONENTS[currency]} {currency}\n" if EXPONENTS[currency] else ""


def _plain(amount: Money) -> str:
    exponent = EXPONENTS[amount.currency]
    return f"{Decimal(amount.amount).scaleb(-exponent):.{exponent}f} {amount.currency}"


def _date(one: Transaction) -> str:
    return one.at.astimezone(UTC).date().isoformat()


def _row(values: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow([spreadsheet(value) for value in values])
    return line.getvalue()
