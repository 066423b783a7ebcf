"""What crosses the API about the morning page, and its operation."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from rtp.disputes.schemas import DueDispute
from rtp.kit.money import Money
from rtp.operations import read


class Taken(Struct, kw_only=True):
    """Payments taken and refunds returned in a currency: in the last 24 hours, and in the same hours a week before."""

    currency: str
    payments: int
    revenue: Money
    refunds: int
    refunded: Money
    payments_week_before: int
    revenue_week_before: Money


class FailedPayments(Struct, kw_only=True):
    """Payments that failed in the last 24 hours, by the provider's reason."""

    reason: str
    count: int


class Dependency(Struct, kw_only=True):
    """How long a dependency took to answer just now, in milliseconds; null when it did not answer."""

    name: str
    state: Literal["ok", "away", "off"]
    latency_ms: float | None


class Attention(Struct, kw_only=True):
    """Something that a person should look at, and the command that shows it."""

    what: str
    count: int
    command: str


class Today(Struct, kw_only=True):
    """The morning page; every figure is counted when it is asked for, but for the ledger, which has a time of its own.

    `disputes` are those to be answered, the most urgent first.
    """

    at: datetime
    taken: list[Taken]
    failed_payments: list[FailedPayments]
    active_subscriptions: int
    trials_ending_today: int
    renewals_due_today: int
    new_members_today: int
    jobs_waiting: int
    oldest_job_seconds: float
    event_lag_seconds: float
    ledger: Literal["held", "broken"]
    ledger_at: datetime
    dependencies: list[Dependency]
    disputes: list[DueDispute]
    attention: list[Attention]


SHOW = read("today.show", "/today", Today)
