"""What the sandbox provider writes down: one entry per thing that happened, in the order in which it did."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from rtp.payments.ports import ProviderCharge, ProviderDispute, ProviderRefund


class ChargeMade(msgspec.Struct, frozen=True, kw_only=True, tag="charge"):
    """A charge came to be; `request` is the digest of what was asked under its key.

    Pending, it becomes `ends` at `settles_at`, or when it is released.
    """

    charge: ProviderCharge
    request: str
    ends: ProviderCharge | None = None
    settles_at: datetime | None = None


class Captured(msgspec.Struct, frozen=True, kw_only=True, tag="capture"):
    """What was reserved was taken, once, under a key of its own; `charge` is what became of it."""

    key: str
    request: str
    charge: ProviderCharge
    at: datetime


class RefundMade(msgspec.Struct, frozen=True, kw_only=True, tag="refund"):
    """A refund came to be; pending, it becomes `ends` at `settles_at`, or when it is released."""

    refund: ProviderRefund
    request: str
    ends: ProviderRefund | None = None
    settles_at: datetime | None = None


class Released(msgspec.Struct, frozen=True, kw_only=True, tag="released"):
    """Charges and refunds that were pending are settled, those without an own time at `at`."""

    charges: list[str] = []
    refunds: list[str] = []
    at: datetime


class DisputeOpened(msgspec.Struct, frozen=True, kw_only=True, tag="dispute"):
    """A cardholder objects; `key` and `request` are of whoever ordered it, empty for a card that always does."""

    dispute: ProviderDispute
    key: str = ""
    request: str = ""


class DisputeMoved(msgspec.Struct, frozen=True, kw_only=True, tag="dispute_moved"):
    """A dispute was answered, accepted or decided; under review, it becomes `ends_as` at `decides_at`."""

    dispute: ProviderDispute
    at: datetime
    action: Literal["evidence", "accept", "decide"]
    key: str = ""
    request: str = ""
    evidence: dict[str, str] = {}
    ends_as: Literal["", "won", "lost"] = ""
    decides_at: datetime | None = None


class EventsDone(msgspec.Struct, frozen=True, kw_only=True, tag="events"):
    """Webhooks that need not be sent any more: they were taken, or dropped on purpose."""

    ids: list[str]
    outcome: Literal["taken", "dropped"]


Entry = ChargeMade | Captured | RefundMade | Released | DisputeOpened | DisputeMoved | EventsDone
