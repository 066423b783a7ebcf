"""The movements of value against the real database: the published vectors, and what every interleaving keeps."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.ledger import movements, policy, repository, service
from rtp.ledger.errors import CreditTooLow, NothingToMirror
from rtp.ledger.schemas import Posting
from rtp.testing.plugin import OpenFrame
from tests.ledger.books import Books, Going

VECTORS: list[dict[str, Any]] = json.loads(Path("tests/vectors/refunds/ledger.json").read_text())


async def balances(frame: Frame) -> dict[str, int]:
    return {line.account: line.amount.amount for line in await repository.balances(frame)}


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["id"])
async def test_the_vector_holds(frame: Frame, case: dict[str, Any]) -> None:
    books = Books(frame, case["given"]["currency"])
    posted: list[bool] = []
    refused = []
    for place, step in enumerate(case["given"]["steps"]):
        savepoint = await frame.connection.begin_nested()
        try:
            posted.append(await books.move(**step))
        except CreditTooLow:
            refused.append(place)
            await savepoint.rollback()
    found = await balances(frame)
    expect = case["expect"]
    assert {account: found.get(account, 0) for account in expect["balances"]} == expect["balances"]
    assert set(found) <= set(expect["balances"])
    assert sum(found.values()) == expect["sum"]
    assert posted == expect.get("posted", [True] * len(posted))
    assert refused == expect.get("refused", [])


async def test_the_two_sides_of_a_mirror_carry_the_same_accounts(frame: Frame) -> None:
    books = Books(frame)
    for step in ({"step": "refund reserved", "net": 300, "tax": 75}, {"step": "refund released"}):
        await books.move(**step)
    before = await repository.posted(frame, books.refund_id, (movements.RESERVED,))
    after = await repository.posted(frame, books.refund_id, (movements.RELEASED,))
    assert {(one.account, one.amount) for one in after} == {(one.account, -one.amount) for one in before}


async def test_what_was_never_posted_cannot_be_mirrored(frame: Frame) -> None:
    books = Books(frame)
    with pytest.raises(NothingToMirror, match=books.dispute_id):
        await books.move("dispute won")
    assert await balances(frame) == {}


async def test_two_workers_with_one_movement_post_it_once(writing: OpenFrame) -> None:
    async with writing() as frame:
        books = Books(frame)

    async def post() -> bool:
        async with writing() as frame:
            mine = Books(frame)
            mine.__dict__.update({**books.__dict__, "frame": frame})
            return await mine.move("sale", net=1000, tax=250, fee=66)

    assert sorted(await asyncio.gather(*(post() for _ in range(8)))) == [False] * 7 + [True]
    async with writing() as frame:
        assert (await balances(frame))["clearing:sandbox"] == 1184


async def test_a_source_that_is_wrongly_called_fresh_fails_its_frame(writing: OpenFrame) -> None:
    async with writing() as frame:
        books = Books(frame)
        await books.move("refund reserved", net=300, tax=75)
    with pytest.raises(DBAPIError, match="effects_pkey"):
        async with writing() as frame:
            going = Going(books.refund_id, books.user, books.money(375))
            await movements.refund_reserved(frame, going, tax=books.money(75), fresh=True)
    async with writing() as frame:
        assert (await balances(frame))["refunds payable"] == -375


async def test_credit_taken_twice_at_once_never_falls_below_zero(writing: OpenFrame) -> None:
    async with writing() as frame:
        books = Books(frame)
        await books.move("balance adjusted", amount=500)

    async def take() -> str:
        try:
            async with writing() as other:
                key = ids.show("adj", other.ids.uuid(books.number))
                await movements.balance_adjusted(other, key, user=books.user, amount=books.money(-400))
        except CreditTooLow as error:
            return str(error)
        return "taken"

    async with writing() as first:
        key = ids.show("adj", first.ids.uuid(books.number))
        await movements.balance_adjusted(first, key, user=books.user, amount=books.money(-400))
        second = asyncio.create_task(take())
        await waits_or_ends(second, writing)
    assert await second == "The member has 1.00 USD in credit, so 4.00 USD cannot be taken from it."
    async with writing() as frame:
        assert (await balances(frame))[policy.CREDIT] == -100


WAITING = text(
    "SELECT count(*) AS waiting FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def waits_or_ends(task: asyncio.Task[str], writing: OpenFrame) -> None:
    """Until a transaction waits for the other one, or the task got by without waiting."""
    waiting = 0
    while not waiting and not task.done():
        await asyncio.sleep(0.01)
        async with writing() as frame:
            row = await frame.first(WAITING)
        waiting = row.waiting if row is not None else 0


async def test_the_database_knows_the_accounts_of_the_chart_and_no_other(frame: Frame) -> None:
    row = await frame.first(
        text("SELECT pg_get_constraintdef(oid) AS words FROM pg_constraint WHERE conname = 'ck_ledger_account'")
    )
    assert row is not None
    named = set(re.findall(r"'([a-z ]{2,})'::text", row.words))
    assert named == {account.code for account in policy.CHART}


async def test_an_account_that_the_chart_does_not_name_is_refused(frame: Frame) -> None:
    books = Books(frame)
    with pytest.raises(DBAPIError, match="ck_ledger_account"):
        await service.post(
            frame, kind="payment", source=books.payment_id, user_id=books.number,
            postings=[Posting("salse", books.money(5)), Posting("cash", books.money(-5))],
        )  # fmt: skip
        await frame.flush()


class Member:
    """A payment, its refunds and a dispute in the model's eyes: which step may come, and what must then be true."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.done: set[str] = set()

    async def move(self, step: str, net: int, tax: int) -> None:
        """One step, whether it is its turn or not: what was not begun cannot end, what was done is not done again."""
        given: dict[str, dict[str, int]] = {
            "sale": {"net": net, "tax": tax, "fee": net // 30},
            "refund reserved": {"net": net, "tax": tax},
            "dispute opened": {"amount": net, "fee": 15},
            "dispute lost": {"amount": net, "tax": min(net, tax)},
            "balance adjusted": {"amount": net - 500},
        }
        posted = False
        with suppress(NothingToMirror, CreditTooLow):
            async with self.books.frame.connection.begin_nested():
                posted = await self.books.move(step, **given.get(step, {}))
        assert not (posted and step in self.done and step != "balance adjusted")
        self.done |= {step} if posted else set()


STEPS = (
    "sale", "refund reserved", "refund paid", "refund released", "dispute opened", "dispute won", "dispute lost",
    "balance adjusted",
)  # fmt: skip
SUMS = text(
    "SELECT coalesce(max(abs(total)), 0) AS worst FROM "
    "(SELECT sum(amount) AS total FROM ledger GROUP BY transaction_id, currency) AS t"
)
DEBT = text("SELECT coalesce(sum(amount), 0) AS credit FROM ledger WHERE account = 'member credit' AND currency = :one")


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(STEPS), st.sampled_from(("USD", "JPY")), st.integers(1, 2000), st.integers(0, 500)),
        max_size=20,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_interleaving_sums_to_zero_and_no_credit_falls_below_it(
    frame: Frame, steps: list[tuple[str, str, int, int]]
) -> None:
    savepoint = await frame.connection.begin_nested()
    members = {currency: Member(Books(frame, currency)) for currency in ("USD", "JPY")}
    for step, currency, net, tax in steps:
        await members[currency].move(step, net, tax)
    row = await frame.first(SUMS)
    assert row is not None
    assert row.worst == 0
    for currency in members:
        sums = [line.amount.amount for line in await repository.balances(frame) if line.amount.currency == currency]
        assert sum(sums) == 0
        credit = await frame.first(DEBT, {"one": currency})
        assert credit is not None
        assert credit.credit <= 0
    await savepoint.rollback()
