"""The sandbox provider's record: all that its entries tell, and the events that follow from them.

Everything in it comes from entries alone, so what is read back after a crash is what was there before.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from rtp.payments.ports import EventType, ProviderCharge, ProviderDispute, ProviderEvent, ProviderRefund
from rtp.payments.sandbox_entries import (
    Captured,
    ChargeMade,
    DisputeMoved,
    DisputeOpened,
    Entry,
    EventsDone,
    RefundMade,
    Released,
)

Subject = ProviderCharge | ProviderRefund | ProviderDispute
Due = tuple[datetime, Literal["charge", "refund", "dispute"], str]
CHARGE_EVENTS: dict[str, EventType] = {"succeeded": "charge.succeeded", "failed": "charge.failed"}
REFUND_EVENTS: dict[str, EventType] = {
    "pending": "refund.pending",
    "succeeded": "refund.succeeded",
    "failed": "refund.failed",
}
DISPUTE_EVENTS: dict[str, EventType] = {
    "needs_response": "dispute.opened",
    "under_review": "dispute.updated",
    "won": "dispute.closed",
    "lost": "dispute.closed",
}


class Record:
    """What happened at the provider; `keep` is given each entry before it takes effect, and if it raises, none does."""

    def __init__(self, keep: Callable[[Entry], None], provider: str) -> None:
        self._keep = keep
        self._provider = provider
        self.charges: dict[str, ChargeMade] = {}
        self.refunds: dict[str, RefundMade] = {}
        self.disputes: dict[str, ProviderDispute] = {}
        self.moves: dict[str, DisputeMoved] = {}
        self.calls: dict[tuple[str, str], tuple[str, str]] = {}
        """(kind, key) → (digest of the request, what it was about) of captures and of what was done to disputes."""
        self.events: dict[str, ProviderEvent] = {}
        self.done: dict[str, Literal["taken", "dropped"]] = {}
        self.listener: Callable[[ProviderEvent], None] = lambda _: None
        self.due: list[Due] = []
        """What settles or ends by itself, earliest first; it may be settled already when its time comes."""
        self._key_of: dict[str, str] = {}
        self._refunds_of: dict[str, list[str]] = {}
        self._disputes_of: dict[str, list[str]] = {}

    def write(self, entry: Entry) -> None:
        """Keep an entry, then let it take effect."""
        self._keep(entry)
        self.apply(entry)

    def charge(self, ref: str) -> ProviderCharge | None:
        """The charge of a reference."""
        made = self.charges.get(self._key_of.get(ref, ""))
        return made.charge if made else None

    def refunds_of(self, charge_ref: str) -> list[ProviderRefund]:
        """The refunds of a charge, as they stand now."""
        return [self.refunds[key].refund for key in self._refunds_of.get(charge_ref, [])]

    def disputes_of(self, charge_ref: str) -> list[ProviderDispute]:
        """The disputes about a charge, as they stand now."""
        return [self.disputes[ref] for ref in self._disputes_of.get(charge_ref, [])]

    def apply(self, entry: Entry) -> None:
        """Let an entry take effect, when it is made and when it is read again."""
        match entry:
            case ChargeMade(charge=charge):
                self.charges[charge.key] = entry
                self._key_of[charge.ref] = charge.key
                self._expect(entry.settles_at, "charge", charge.key)
                self._tell(CHARGE_EVENTS.get(charge.state), charge, charge.created_at)
            case Captured(charge=charge):
                self.calls["capture", entry.key] = (entry.request, charge.ref)
                self.charges[charge.key] = ChargeMade(charge=charge, request=self.charges[charge.key].request)
                self._tell("charge.succeeded", charge, entry.at)
            case RefundMade(refund=refund):
                self.refunds[refund.key] = entry
                self._refunds_of.setdefault(refund.charge_ref, []).append(refund.key)
                self._expect(entry.settles_at, "refund", refund.key)
                self._tell(REFUND_EVENTS[refund.state], refund, refund.created_at)
            case Released():
                self._release(entry)
            case DisputeOpened(dispute=dispute):
                self._disputes_of.setdefault(dispute.charge_ref, []).append(dispute.ref)
                if entry.key:
                    self.calls["dispute", entry.key] = (entry.request, dispute.ref)
                self._dispute(dispute, dispute.created_at)
                self._expect(dispute.due_by, "dispute", dispute.ref)
            case DisputeMoved(dispute=dispute):
                self.moves[dispute.ref] = entry
                if entry.key:
                    self.calls[entry.action, entry.key] = (entry.request, dispute.ref)
                self._dispute(dispute, entry.at)
                self._expect(entry.decides_at, "dispute", dispute.ref)
            case EventsDone(ids=ids, outcome=outcome):
                self.done.update(dict.fromkeys(ids, outcome))

    def _release(self, entry: Released) -> None:
        for key in entry.charges:
            charge = self.charges[key]
            assert charge.ends is not None
            self.charges[key] = ChargeMade(charge=charge.ends, request=charge.request)
            self._tell(CHARGE_EVENTS[charge.ends.state], charge.ends, charge.settles_at or entry.at)
        for key in entry.refunds:
            refund = self.refunds[key]
            assert refund.ends is not None
            self.refunds[key] = RefundMade(refund=refund.ends, request=refund.request)
            self._tell(REFUND_EVENTS[refund.ends.state], refund.ends, refund.settles_at or entry.at)

    def _dispute(self, dispute: ProviderDispute, at: datetime) -> None:
        self.disputes[dispute.ref] = dispute
        self._tell(DISPUTE_EVENTS[dispute.state], dispute, at)

    def _expect(self, at: datetime | None, kind: Literal["charge", "refund", "dispute"], key: str) -> None:
        if at is not None:
            heapq.heappush(self.due, (at, kind, key))

    def _tell(self, type: EventType | None, subject: Subject, at: datetime) -> None:
        """An event's id comes from what it tells, so that it is the same after a restart."""
        if type is None:
            return
        id = "sevt_" + hashlib.sha256(f"{subject.ref}:{type}".encode()).hexdigest()[:24]
        event = ProviderEvent(id=id, type=type, created_at=at, provider=self._provider, subject=subject)
        self.events[id] = event
        self.listener(event)
