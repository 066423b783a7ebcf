"""Rules of bulk refunds: which rows of a file can be refunded, how much they are, how a bulk ends. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from rtp.kit.currencies import EXPONENTS
from rtp.kit.money import Money
from rtp.kit.text import counted
from rtp.payments.schemas import Payment
from rtp.refund_bulks.errors import BulkOverCap, BulkPolicyChanged, RowAmountUnclear, RowRepeated
from rtp.refund_bulks.schemas import Bulk, BulkRow, BulkState
from rtp.refunds.errors import RefundCurrencyDiffers, RefundExceedsCaptured

LIFETIME = timedelta(hours=24)
"""A plan is looked through by people, so it lives longer than a dry run; a payment that changes ends it earlier."""

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
"""No exponents, signs or separators: in a file of money each is more likely a mistake."""

CHUNK = 50
"""Rows issued in one transaction: well below the two seconds that one may take."""


class Taken(Struct, frozen=True):
    """What an earlier row of the same file takes of a payment."""

    row: int
    amount: int
    key: str | None


class Count(Struct, kw_only=True):
    """How far the rows of a bulk have come; `people_until` is when the last was, or can be, decided by hand."""

    done: int = 0
    failed: int = 0
    canceled: int = 0
    waiting: int = 0
    under_way: int = 0
    planned: int = 0
    moved: dict[str, int] = {}
    people_until: datetime | None = None


def asked(row: BulkRow, payment: Payment) -> Money | None:
    """The amount that a row names, in the payment's currency; None for all that is left.

    Raises: RowAmountUnclear, RefundCurrencyDiffers.
    """
    if row.amount is None:
        return None
    currency = payment.amount.currency
    if isinstance(row.amount, Money):
        amount = row.amount
    else:
        number, _, named = row.amount.strip().partition(" ")
        amount = _parsed(number, named.strip().upper() or currency)
    if amount.currency != currency:
        raise RefundCurrencyDiffers(payment=payment.id, currency=currency, asked=amount.currency)
    if amount.amount <= 0:
        raise RowAmountUnclear(amount=str(amount), why="it is not more than zero")
    return amount


def _parsed(number: str, currency: str) -> Money:
    if currency not in EXPONENTS:
        raise RowAmountUnclear(amount=number, why=f"{currency!r} is no currency")
    if not _NUMBER.fullmatch(number):
        raise RowAmountUnclear(amount=number, why="it is not a number such as 25.00")
    try:
        return Money.parse(number, currency)
    except ValueError as error:
        raise RowAmountUnclear(amount=number, why=str(error)) from error


def judged(row: BulkRow, payment: Payment, earlier: Sequence[Taken]) -> Money:
    """What a row would refund, after the earlier rows of its file.

    Raises: RowRepeated, RefundExceedsCaptured, RowAmountUnclear, RefundCurrencyDiffers.
    """
    amount = asked(row, payment)
    same = (one for one in earlier if amount is None or one.amount == amount.amount)
    if row.key is None and (first := next((one for one in same if one.key is None), None)) is not None:
        raise RowRepeated(first=first.row)
    left = payment.refundable - Money(sum(one.amount for one in earlier), payment.amount.currency)
    wanted = left if amount is None else amount
    if wanted > left or wanted.amount <= 0:
        raise RefundExceedsCaptured(asked=wanted, left=left, payment=payment.id)
    return wanted


def added(totals: Iterable[Money], more: Iterable[Money]) -> list[Money]:
    """Totals by currency, with more money in them."""
    sums = {one.currency: one.amount for one in totals}
    for one in more:
        sums[one.currency] = sums.get(one.currency, 0) + one.amount
    return [Money(amount, currency) for currency, amount in sorted(sums.items())]


def chained(digest: str, rows: Iterable[Sequence[object]]) -> str:
    """The digest of all rows so far: that before, and each row; it does not know how they were batched."""
    for row in rows:
        digest = hashlib.sha256(digest.encode() + msgspec.json.encode(row)).hexdigest()
    return digest


def hold_caps(
    key: str, accepted: int, totals: Sequence[Money], max_count: int | None, max_totals: Sequence[Money]
) -> None:
    """Refuse a plan beyond its caps; with caps in money, a currency without one is beyond them too.

    Raises: BulkOverCap.
    """
    if max_count is not None and accepted > max_count:
        raise BulkOverCap(key=key, asked=counted(accepted, "refund"), cap=counted(max_count, "refund"))
    caps = {one.currency: one for one in max_totals}
    for total in totals if caps else ():
        cap = caps.get(total.currency, Money.zero(total.currency))
        if total > cap:
            raise BulkOverCap(key=key, asked=str(total), cap=str(cap))


def hold_policy(bulk: Bulk, holds: int) -> None:
    """Refuse to go on under another refund policy than the one that judged the rows so far.

    Raises: BulkPolicyChanged.
    """
    if bulk.policy_version not in {None, holds}:
        raise BulkPolicyChanged(key=bulk.id, judged=bulk.policy_version, holds=holds)


def typed(totals: Sequence[Money]) -> str:
    """The money of a plan as a person types it: `1250.00`, with currencies where there are several."""
    texts = [str(one).replace(",", "") for one in totals]
    return texts[0].partition(" ")[0] if len(texts) == 1 else " + ".join(texts)


def ended(count: Count) -> BulkState:
    """How a bulk ends of which nothing is under way any more."""
    if not count.done:
        return "canceled" if count.canceled and not count.failed else "failed"
    return "partly" if count.failed or count.canceled else "succeeded"


def pause(seconds: float) -> float:
    """How long to wait before looking again at refunds that were issued so many seconds ago."""
    return min(60.0, max(0.5, seconds / 20))
