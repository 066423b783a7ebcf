"""What crosses the API about the report on a month's refunds, and its operation."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from rtp.kit.money import Money
from rtp.operations import read
from rtp.refunds.schemas import Reason, RefundState

MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"
SHARE = r"^[0-9]{1,3}(\.[0-9]{1,2})?$"
"""A share in percent."""
SEED = r"^[A-Za-z0-9._-]{0,64}$"


class ReportSum(Struct, kw_only=True):
    """What was issued in a currency, whatever became of it, and what the ledger says was reserved for refunds then."""

    count: int
    amount: Money
    booked: Money


class RefundPair(Struct, kw_only=True):
    """What one person issued and another approved, in a currency; without an approver, what none was asked for.

    `mutual` is that each approved what the other issued, in the month or the year before its end; what an API key
    issued counts for who made the key.
    """

    issued_by: str
    issuer: str
    approved_by: str | None
    approver: str
    count: int
    amount: Money
    mutual: bool


class SampledRefund(Struct, kw_only=True):
    """A refund to look at: it was drawn, or its pair of people is `mutual`, of which all are looked at."""

    id: str
    payment_id: str
    user_id: str
    amount: Money
    state: RefundState
    reason: Reason
    note: str
    ticket: str
    issuer: str
    approver: str
    held_because: str
    created_at: datetime
    decided_at: datetime | None
    drawn: bool
    mutual: bool


class RefundReport(Struct, kw_only=True):
    """The refunds that were issued in a month (UTC), of which `drawn` were chosen by chance.

    The same `seed` draws the same ones: those whose SHA-256 of `seed:id` (the id as a UUID) comes first. `complete` is
    that the ledger reserved the same sums in the month. `ended` is that no refund can be added any more.
    """

    month: str
    ended: bool
    share: str
    seed: str
    count: int
    drawn: int
    complete: bool
    sums: list[ReportSum]
    pairs: list[RefundPair]
    sample: list[SampledRefund]


SHOW = read("refund_reports.show", "/refund-report", RefundReport)
