"""Every query on the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import policy
from rtp.ledger.model import ledger
from rtp.ledger.schemas import Balance, LedgerEntry, Posting, Side, Transaction
from rtp.operations import Page

PREFIXES = {"payment": "pay", "refund": "rfd", "dispute": "dsp", "balance": "adj"}
"""Prefix of the source's id by the first word of the kind."""


def source_of(kind: str, key: str) -> UUID:
    """The bare id of a source."""
    return ids.parse(_prefix(kind), key)


def any_source(key: str) -> UUID:
    """The bare id of a source of any kind.

    Raises: WrongId.
    """
    prefix = key.partition("_")[0]
    return ids.parse(prefix if prefix in PREFIXES.values() else "pay", key)


def _prefix(kind: str) -> str:
    return PREFIXES[kind.partition(".")[0]]


def add(frame: Frame, *, kind: str, source: str, user_id: int, postings: Sequence[Posting]) -> None:
    """Insert the sides of one transaction in one statement, after which the database checks that they balance."""
    transaction = frame.ids.uuid(user_id)
    for posting in postings:
        frame.add(
            "ledger",
            id=frame.ids.uuid(user_id),
            transaction_id=transaction,
            kind=kind,
            source=source_of(kind, source),
            account=posting.account,
            amount=posting.amount.amount,
            currency=posting.amount.currency,
            user_id=user_id,
            at=frame.now,
        )


async def posted(frame: Frame, source: str, kinds: Sequence[str]) -> list[Posting]:
    """What a source posted under these kinds."""
    query = select(ledger.c.account, ledger.c.amount, ledger.c.currency).order_by(ledger.c.id)
    rows = await frame.all(query.where(ledger.c.source == source_of(kinds[0], source), ledger.c.kind.in_(kinds)))
    return [Posting(row.account, Money(row.amount, row.currency)) for row in rows]


async def lock_credit(frame: Frame, user_id: int) -> None:
    """Let no other transaction change this member's credit until this one ends."""
    await frame.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"member credit {user_id}", 0))))


async def credit(frame: Frame, user_id: int, currency: str) -> Money:
    """What a member has in credit."""
    sides = (ledger.c.user_id == user_id, ledger.c.account == policy.CREDIT, ledger.c.currency == currency)
    row = await frame.first(select(func.sum(ledger.c.amount).label("amount")).where(*sides))
    return Money(-int(row.amount) if row is not None and row.amount else 0, currency)


def _to_entry(row: Row[Any]) -> LedgerEntry:
    return LedgerEntry(
        id=ids.show("led", row.id),
        transaction_id=ids.show("led", row.transaction_id),
        kind=row.kind,
        source=ids.show(_prefix(row.kind), row.source),
        account=row.account,
        amount=Money(row.amount, row.currency),
        user_id=ids.show_user(row.user_id),
        at=row.at,
    )


async def page(
    frame: Frame, page: PageRequest, *, account: str, source: UUID | None, user_id: int | None
) -> Page[LedgerEntry]:
    """One page of entries."""
    query = matching(
        select(ledger), (ledger.c.account, account), (ledger.c.source, source), (ledger.c.user_id, user_id)
    )
    return await page_of(frame, page, query, key=ledger.c.id, time=ledger.c.at, build=_to_entry)


async def balances(frame: Frame) -> list[Balance]:
    """The sum of every account and currency."""
    total, count = func.sum(ledger.c.amount).label("total"), func.count().label("entries")
    query = select(ledger.c.account, ledger.c.currency, total, count).group_by(ledger.c.account, ledger.c.currency)
    rows = await frame.all(query.order_by(ledger.c.account, ledger.c.currency))
    return [
        Balance(account=row.account, amount=Money(int(row.total), row.currency), entries=row.entries) for row in rows
    ]


async def transactions(frame: Frame, page: PageRequest) -> Page[Transaction]:
    """One page of whole transactions, oldest first."""
    side = func.json_build_object(
        "account", ledger.c.account, "amount", ledger.c.amount, "currency", ledger.c.currency,
        "kind", ledger.c.kind, "source", ledger.c.source, "user_id", ledger.c.user_id,
    )  # fmt: skip
    sides = func.json_agg(aggregate_order_by(side, ledger.c.id)).label("sides")
    return await page_of(
        frame,
        page,
        select(ledger.c.transaction_id, func.min(ledger.c.at).label("at"), sides).group_by(ledger.c.transaction_id),
        key=ledger.c.transaction_id,
        time=ledger.c.at,
        default="at",
        build=_to_transaction,
    )


def _to_transaction(row: Row[Any]) -> Transaction:
    first = row.sides[0]
    return Transaction(
        id=ids.show("led", row.transaction_id),
        kind=first["kind"],
        source=ids.show(_prefix(first["kind"]), UUID(first["source"])),
        user_id=ids.show_user(first["user_id"]),
        at=row.at,
        sides=[
            Side(
                account=side["account"],
                type=policy.type_of(side["account"]),
                amount=Money(side["amount"], side["currency"]),
            )
            for side in row.sides
        ],
    )
