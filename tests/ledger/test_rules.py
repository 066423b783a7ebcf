"""`rtp ledger check`: each rule holds on books that are right, and names what breaks it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.db.listing import PageRequest
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.ledger import policy, service
from rtp.ledger.rules import RULES
from rtp.payments import jobs as payment_jobs
from rtp.payments.fakes import FakeProvider
from rtp.permissions import LOCAL_OWNER
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import service as refunds
from rtp.refunds.schemas import IssueRefund
from rtp.testing import money
from rtp.testing.plugin import OpenFrame
from rtp.testing.servers import Cloned
from tests.ledger.books import Books

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS)


@pytest.fixture
async def posted(frames: Frames, writing: OpenFrame) -> None:
    """A payment, one refund that was paid, one that failed, and one under way; a dispute won and credit given."""
    provider = FakeProvider()
    payment = await money.captured_payment(frames, provider, JOBS)
    for amount in (1000, 7000):
        async with writing() as frame:
            await refunds.issue(frame, payment.id, IssueRefund(reason="duplicate", amount=amount))
        if amount == 7000:
            charge = await provider.retrieve_charge_by_key(payment.id)
            assert charge is not None
            await provider.refund("by-hand", charge.ref, Money(5000, "USD"), "by hand at the provider")
        await money.run_jobs(frames, provider, JOBS)
    async with writing() as frame:
        await refunds.issue(frame, payment.id, IssueRefund(reason="duplicate", amount=500))
        books = Books(frame)
        await books.move("dispute opened", amount=300, fee=15)
        await books.move("dispute won")
        await books.move("balance adjusted", amount=700)


def plant(database: Cloned, *statements: str) -> None:
    """Break the books as the owning role, without the guards that would refuse it."""
    guards = ("payments DROP CONSTRAINT ck_payments_refund_cap", "payments DROP CONSTRAINT ck_payments_captured")
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("DROP TRIGGER ledger_balanced ON ledger")
        for guard in guards:
            connection.execute(f"ALTER TABLE {guard}".encode())
        for statement in statements:
            connection.execute(statement.encode())


async def broken(frames: Frames) -> dict[str, list[str]]:
    about = {"operation": "tests.read", "principal": LOCAL_OWNER, "trace": trace.start()}
    async with frames.reading(**about) as frame:  # type: ignore[arg-type]
        return {line.rule: line.broken for line in (await service.check(frame)).rules if line.state == "broken"}


def side(account: str, amount: int, kind: str = "balance.adjusted", source: str = "uuidv7()") -> str:
    """One more entry, which no other balances."""
    return f"""
        INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at)
        SELECT uuidv7(), transaction_id, '{kind}', {source}, '{account}', {amount}, currency, user_id, at
        FROM ledger WHERE kind = 'payment' LIMIT 1
    """


AGAIN = """
    INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at)
    SELECT uuidv7(), '00000000-0000-7000-8000-000000000001', kind, source, account, amount, currency, user_id, at
    FROM ledger WHERE kind = 'refund.paid'
"""
BREAKS: dict[str, Sequence[str]] = {
    "every transaction balances": [side("cash", 1)],
    "each movement is posted once": [AGAIN],
    "captured equals what was posted": ["UPDATE payments SET captured = captured - 1"],
    "held equals the refunds that hold": ["UPDATE payments SET refunds_held = refunds_held - 1"],
    "no refund exceeds what was captured": ["UPDATE payments SET captured = 1"],
    "the tax that was posted is the tax that was sold": ["UPDATE payments SET tax = 1"],
    "the tax that refunds were posted with is theirs": ["UPDATE refunds SET tax = tax + 1 WHERE state = 'succeeded'"],
    "no more tax is returned than was taken": [
        side("tax payable", 1, "refund.reserved", "(SELECT id FROM refunds LIMIT 1)")
    ],
    "each refund paid left the provider's account": ["UPDATE refunds SET amount = 999 WHERE state = 'succeeded'"],
    "refunds payable equal the refunds under way": ["UPDATE refunds SET amount = 501 WHERE state = 'created'"],
    "a refund that came to nothing leaves nothing": ["UPDATE refunds SET state = 'failed' WHERE state = 'created'"],
    "a dispute that ended withholds nothing": [
        side("disputes", 1, "dispute.opened", "(SELECT source FROM ledger WHERE kind = 'dispute.won' LIMIT 1)")
    ],
    "fees of disputes are what was posted": [
        """
        INSERT INTO disputes (id, user_id, payment_id, provider, provider_ref, amount, fee, currency, reason, state,
            due_by, opened_at, created_at)
        SELECT uuidv7(), user_id, id, provider, 'dp_1', 1, 15, currency, 'general', 'needs_response', created_at,
            created_at, created_at FROM payments
        """
    ],
    "lost disputes equal what payments lost": ["UPDATE payments SET disputes_lost = 1"],
    "the tax of lost disputes is off the lines of their payments": [
        "UPDATE payment_lines SET net = net - 1, tax = 1, tax_lost = 1"
    ],
    "no member's credit is below zero": [side("member credit", 701), side("member credit", 1)],
    "no debt of ours is below zero": [side("tax payable", 1)],
}


async def test_books_that_are_right_hold_to_every_rule(posted: None, frames: Frames) -> None:
    assert await broken(frames) == {}


def test_every_rule_has_its_break() -> None:
    assert set(BREAKS) == set(RULES)


@pytest.mark.parametrize("rule", BREAKS)
async def test_a_break_is_named(posted: None, frames: Frames, database: Cloned, rule: str) -> None:
    plant(database, *BREAKS[rule])
    found = await broken(frames)
    assert found[rule]


def test_the_page_of_the_ledger_shows_the_chart() -> None:
    rows = re.findall(r"^\| `([a-z ]+)(?::PROVIDER)?` \| (\w+) \|", Path("docs/concepts/ledger.md").read_text(), re.M)
    assert rows == [(account.code, account.type) for account in policy.CHART]


async def test_the_chart_shows_each_provider_and_each_currency(writing: OpenFrame) -> None:
    async with writing() as frame:
        for currency in ("USD", "JPY"):
            await Books(frame, currency).move("sale", net=1000, tax=250, fee=66)
    async with writing() as frame:
        page = await service.accounts(frame, PageRequest(operation="ledger.accounts", secret=b"s"))
    rows = {row.code: row for row in page.items}
    assert set(rows) == {account.code for account in policy.CHART} - {"clearing"} | {"clearing:sandbox"}
    assert rows["clearing:sandbox"].balances == [Money(1184, "JPY"), Money(1184, "USD")]
    assert (rows["clearing:sandbox"].normal, rows["deferred"].normal, rows["refunds"].normal) == (
        "debit", "credit", "debit",
    )  # fmt: skip
    assert rows["cash"].balances == []


async def test_entries_are_found_by_whatever_moved_them(writing: OpenFrame) -> None:
    async with writing() as frame:
        books = Books(frame)
        await books.move("sale", net=1000, tax=250, fee=66)
        await books.move("dispute opened", amount=300, fee=15)
    asked = PageRequest(operation="ledger.list", secret=b"s")
    async with writing() as frame:
        for source, count in ((books.payment_id, 5), (books.dispute_id, 4), (books.id("rfd"), 0)):
            assert len((await service.page(frame, asked, source=source)).items) == count
        row = await frame.first(text("SELECT count(DISTINCT transaction_id) AS moved FROM ledger"))
    assert row is not None
    assert row.moved == 4
