"""The chart of accounts, in one table. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rtp.ledger.schemas import Account, AccountType, Normal

CLEARING = "clearing"
DISPUTES = "disputes"
CASH = "cash"
DEFERRED = "deferred"
TAX = "tax payable"
REFUNDS_PAYABLE = "refunds payable"
CREDIT = "member credit"
SALES = "sales"
REFUNDS = "refunds"
CREDITS_GIVEN = "credits given"
FEES = "fees"
DISPUTE_LOSSES = "dispute losses"


def _account(code: str, type: AccountType, help: str, *, per_provider: bool = False) -> Account:
    normal: Normal = "credit" if type in ("liability", "income") else "debit"
    return Account(code=code, type=type, normal=normal, help=help, per_provider=per_provider)


CHART: tuple[Account, ...] = (
    _account(CLEARING, "asset", "What a provider holds for us, one account each: clearing:sandbox", per_provider=True),
    _account(DISPUTES, "asset", "What providers withhold while disputes are open"),
    _account(CASH, "asset", "What providers have paid out to the bank"),
    _account(DEFERRED, "liability", "Sold and paid, without tax; income as it is delivered"),
    _account(TAX, "liability", "Tax taken with sales and not returned with refunds"),
    _account(REFUNDS_PAYABLE, "liability", "Refunds that were issued and have not left the provider yet"),
    _account(CREDIT, "liability", "What members have in credit with us; never below zero"),
    _account(SALES, "income", "What was sold and delivered, without tax"),
    _account(REFUNDS, "contra", "Sales that were returned, without tax"),
    _account(CREDITS_GIVEN, "contra", "Credit that was given to members, less what was taken back"),
    _account(FEES, "expense", "What providers keep of payments and for disputes"),
    _account(DISPUTE_LOSSES, "expense", "Payments that were lost to disputes, without tax"),
)
"""Every account that value moves on. The database knows the same codes (ck_ledger_account)."""
_TYPES = {account.code: account.type for account in CHART}


def clearing(provider: str) -> str:
    """The account of what a provider holds for us."""
    return f"{CLEARING}:{provider}"


def codes(account: Account, in_use: Iterable[str]) -> list[str]:
    """The accounts that a row of the chart stands for: itself, or one for each provider that was paid through."""
    if not account.per_provider:
        return [account.code]
    return [code for code in in_use if code.partition(":")[0] == account.code] or [account.code]


def type_of(account: str) -> AccountType:
    """What kind of account it is: `clearing:sandbox` is what `clearing` is."""
    return _TYPES[account.partition(":")[0]]
