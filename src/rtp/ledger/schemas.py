"""What crosses the API about the ledger, and the operations on it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from rtp.kit.money import Money
from rtp.operations import listing, read

AccountType = Literal["asset", "liability", "income", "contra", "expense"]
Normal = Literal["debit", "credit"]


class Account(Struct, kw_only=True):
    """An account of the chart: `contra` lessens income; `normal` is the side on which it grows.

    With `per_provider` there is one for each provider, as `code:provider`. `balances` are what the entries sum to, in
    each currency.
    """

    code: str
    type: AccountType
    normal: Normal
    help: str
    per_provider: bool = False
    balances: list[Money] = []


class Posting(Struct, frozen=True):
    """One side of a transaction: a positive amount is a debit, a negative one a credit."""

    account: str
    amount: Money


class LedgerEntry(Struct, kw_only=True):
    """A posted side: `source` is what moved the value, `kind` how."""

    id: str
    transaction_id: str
    kind: str
    source: str
    account: str
    amount: Money
    user_id: str
    at: datetime


class Side(Struct, kw_only=True):
    """One side of a transaction: a positive amount is a debit, a negative one a credit."""

    account: str
    type: AccountType
    amount: Money


class Transaction(Struct, kw_only=True):
    """One movement of value with all its sides, which sum to zero in each currency."""

    id: str
    kind: str
    source: str
    user_id: str
    at: datetime
    sides: list[Side]


class Balance(Struct, kw_only=True):
    """What the entries of an account sum to."""

    account: str
    amount: Money
    entries: int


class LedgerCheckLine(Struct, kw_only=True):
    """One rule, recomputed from zero: how many rows it looked at, and which break it (at most 20).

    `since` is null where it looked at everything, else it looked at whatever had an entry since then.
    """

    rule: str
    state: Literal["held", "broken"]
    checked: int
    broken: list[str]
    since: datetime | None = None


class LedgerCheck(Struct, kw_only=True):
    """The verdict over all rules, with the balances it found."""

    state: Literal["held", "broken"]
    rules: list[LedgerCheckLine]
    balances: list[Balance]


LIST = listing("ledger.list", "/ledger", LedgerEntry)
CHECK = read("ledger.check", "/ledger/check", LedgerCheck)
ACCOUNTS = listing("ledger.accounts", "/ledger/accounts", Account)
EXPORT = listing("ledger.export", "/ledger/export", Transaction)
