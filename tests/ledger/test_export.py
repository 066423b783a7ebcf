"""The journal in other programs' formats, judged by those programs."""

from __future__ import annotations

import csv
import gc
import json
import shutil
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtp.db.listing import PageRequest
from rtp.kit.currencies import EXPONENTS
from rtp.kit.money import Money
from rtp.ledger import policy, service
from rtp.ledger.schemas import Side, Transaction
from rtp.testing.plugin import OpenFrame
from rtp_commands import journals
from rtp_commands.errors import FileNotWritten
from tests.ledger.books import AT, Books

BEANCOUNT = """
import json, sys
from collections import Counter
from beancount import loader
from beancount.core.data import Transaction
entries, errors, _ = loader.load_file(sys.argv[1])
sums = Counter()
for entry in entries:
    if isinstance(entry, Transaction):
        for posting in entry.postings:
            sums[f"{posting.account} {posting.units.currency}"] += posting.units.number
print(json.dumps({"errors": [error.message for error in errors], "sums": {k: str(v) for k, v in sums.items()}}))
"""
STEPS: list[dict[str, Any]] = [
    {"step": "sale", "net": 1000, "tax": 250, "fee": 66},
    {"step": "refund reserved", "net": 300, "tax": 75},
    {"step": "refund paid"},
    {"step": "dispute opened", "amount": 875, "fee": 15},
    {"step": "dispute charged", "fee": 15, "version": 2},
    {"step": "dispute charged", "fee": -5, "version": 3},
    {"step": "dispute lost", "amount": 875, "tax": 100},
    {"step": "dispute tax", "tax": 75, "version": 5},
    {"step": "balance adjusted", "amount": 500},
]


@pytest.fixture
async def posted(writing: OpenFrame) -> None:
    """The same movements in a currency with two places, one with none and one with three."""
    for currency in ("USD", "JPY", "KWD"):
        async with writing() as frame:
            books = Books(frame, currency)
            for step in STEPS:
                await books.move(**step)


async def exported(writing: OpenFrame, limit: int = 4, since: str = "", until: str = "") -> list[Transaction]:
    found: list[Transaction] = []
    cursor = ""
    while True:
        asked = PageRequest(
            operation="ledger.export", secret=b"of a test", limit=limit, cursor=cursor, since=since, until=until
        )
        async with writing() as frame:
            page = await service.transactions(frame, asked)
        found += page.items
        if page.next is None:
            return found
        cursor = page.next


def beancount(file: Path) -> dict[str, Any]:
    judged: dict[str, Any] = json.loads(run(sys.executable, "-c", BEANCOUNT, file).stdout)
    return judged


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True)


async def test_beancount_accepts_the_journal_and_comes_to_our_balances(
    writing: OpenFrame, posted: None, tmp_path: Path
) -> None:
    file = tmp_path / "journal.beancount"
    journals.save(file, journals.beancount(await exported(writing)))
    judged = beancount(file)
    assert judged["errors"] == []
    ours = {}
    async with writing() as frame:
        balances = (await service.check(frame)).balances
    for balance in balances:
        side = Side(account=balance.account, type=policy.type_of(balance.account), amount=balance.amount)
        ours[f"{journals.account(side)} {balance.amount.currency}"] = balance.amount.amount
    assert {name: int(float(value) * 10 ** EXPONENTS[name[-3:]]) for name, value in judged["sums"].items()} == ours
    assert ours["Assets:Clearing:Sandbox JPY"] == 1250 - 66 - 375 - 875 - 25
    checked = run(Path(sys.executable).with_name("bean-check"), file)
    assert (checked.returncode, checked.stderr) == (0, "")


async def test_beancount_refuses_a_journal_in_which_a_side_is_missing(
    writing: OpenFrame, posted: None, tmp_path: Path
) -> None:
    file = tmp_path / "journal.beancount"
    whole = await exported(writing)
    whole[0].sides.pop()
    journals.save(file, journals.beancount(whole))
    assert any("does not balance" in error for error in beancount(file)["errors"])


@pytest.mark.prove("install")
@pytest.mark.parametrize("program", ["hledger", "ledger"])
async def test_ledger_and_hledger_accept_the_journal(
    writing: OpenFrame, posted: None, tmp_path: Path, program: str
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed here")
    file = tmp_path / "journal.ledger"
    journals.save(file, journals.ledger(await exported(writing)))
    asked = ["check", "--strict"] if program == "hledger" else ["--strict", "--pedantic", "balance"]
    checked = run(program, "-f", file, *asked)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "-81 JPY" in run(program, "-f", file, "balance", "Clearing").stdout


async def test_a_transaction_is_never_split_between_two_pages(writing: OpenFrame, posted: None) -> None:
    for limit in (1, 2, 5, 100):
        whole = await exported(writing, limit)
        assert len(whole) == 3 * 11
        assert len({one.id for one in whole}) == len(whole)
        for one in whole:
            assert sum(side.amount.amount for side in one.sides) == 0


async def test_a_span_takes_whole_transactions_of_its_time(writing: OpenFrame, posted: None) -> None:
    day = "2026-03-02T14:30:00Z"
    assert len(await exported(writing, since=day)) == 33
    assert await exported(writing, until=day) == []


async def test_the_table_is_what_a_spreadsheet_reads_and_runs_nothing(
    writing: OpenFrame, posted: None, tmp_path: Path
) -> None:
    file = tmp_path / "journal.csv"
    first, *rest = await exported(writing)
    first.kind = '=HYPERLINK("http://example.com")'
    journals.save(file, journals.table([first, *rest]))
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert rows[0]["kind"] == '\'=HYPERLINK("http://example.com")'
    assert {row["amount"] for row in rows if row["account"] == "tax payable" and row["currency"] == "KWD"} == {
        "-0.250", "0.075", "0.100",
    }  # fmt: skip


def test_what_was_written_is_let_go_before_more_is_read() -> None:
    """However long the journal is, one transaction at a time is in memory."""
    alive: list[weakref.ref[_Seen]] = []

    def endless() -> Iterator[Transaction]:
        for number in range(500):
            gc.collect(0)
            assert sum(ref() is not None for ref in alive[:-1]) == 0
            one = _Seen(
                id=f"led_{number}", kind="payment", source="pay_1", user_id="usr_1", at=AT,
                sides=[Side(account="cash", type="asset", amount=Money(1, "USD"))],
            )  # fmt: skip
            alive.append(weakref.ref(one))
            yield one

    for write in journals.WRITERS.values():
        alive.clear()
        assert journals.pour(lambda text: None, write(endless())) >= 500


def test_an_interrupted_export_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    file = tmp_path / "journal.csv"
    file.write_text("of last month")

    def broken() -> Iterator[str]:
        yield "a line\n"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        journals.save(file, broken())
    assert [one.name for one in tmp_path.iterdir()] == ["journal.csv"]
    assert file.read_text() == "of last month"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotWritten, match="No such file or directory"):
        journals.save(tmp_path / "nowhere" / "journal.csv", ["a line"])


class _Seen(Transaction, weakref=True, kw_only=True):
    """A transaction that can be watched."""
