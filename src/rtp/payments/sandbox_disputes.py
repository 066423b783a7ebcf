"""Disputes at the sandbox provider: opened by a card or on demand, answered, accepted, decided. No I/O."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from rtp.kit import canonical
from rtp.kit.clock import Clock
from rtp.kit.money import Money
from rtp.payments.errors import ProviderKeyReused, ProviderRefused
from rtp.payments.ports import DisputeState, ProviderCharge, ProviderDispute
from rtp.payments.sandbox_entries import DisputeMoved, DisputeOpened
from rtp.payments.sandbox_record import Record
from rtp.sandbox.schemas import Control

OPEN: frozenset[DisputeState] = frozenset({"needs_response", "under_review"})
EVIDENCE_ENDS: dict[str, Literal["won", "lost"]] = {"winning_evidence": "won", "losing_evidence": "lost"}
"""Words in an answer that decide it, whatever the controls say."""
EVIDENCE_LIMIT = 20_000
"""Characters of all that is handed in for one dispute."""


class Desk:
    """Where disputes are opened and answered."""

    def __init__(self, record: Record, clock: Clock, control: Callable[[], Control]) -> None:
        self._record = record
        self._clock = clock
        self._control = control

    def open(
        self, charge: ProviderCharge, reason: str, amount: Money | None, key: str = "", *, dry_run: bool = False
    ) -> ProviderDispute:
        """Object to a charge; without an amount, to all that was not returned. A dry run writes nothing down.

        Raises: ProviderRefused, ProviderKeyReused.
        """
        request = canonical.digest([charge.ref, reason, amount and [amount.amount, amount.currency]])
        if key and (known := self._known("dispute", key, request)):
            return known
        now = self._clock.now()
        dispute = ProviderDispute(
            ref=f"dp_{secrets.token_hex(12)}",
            key=charge.key,
            charge_ref=charge.ref,
            amount=self._disputable(charge, amount),
            reason=reason,
            state="needs_response",
            due_by=now + timedelta(days=self._control().dispute_days),
            created_at=now,
            fee=Money(self._control().dispute_fee, charge.amount.currency),
        )
        if not dry_run:
            self._record.write(DisputeOpened(dispute=dispute, key=key, request=request))
        return dispute

    def submit(self, key: str, ref: str, evidence: dict[str, str]) -> ProviderDispute:
        """Answer a dispute; it ends as its evidence or the controls say.

        Raises: ProviderRefused, ProviderKeyReused.
        """
        request = canonical.digest([ref, sorted(evidence.items())])
        if known := self._known("evidence", key, request):
            return known
        if not evidence or sum(map(len, evidence.values())) > EVIDENCE_LIMIT:
            raise ProviderRefused(why=f"evidence is 1 to {EVIDENCE_LIMIT} characters")
        dispute = self._found(ref, frozenset({"needs_response"}))
        control, now = self._control(), self._clock.now()
        told = next((EVIDENCE_ENDS[value] for value in evidence.values() if value in EVIDENCE_ENDS), None)
        ends_as = told or ("" if control.dispute_outcome == "open" else control.dispute_outcome)
        moved = DisputeMoved(
            dispute=msgspec.structs.replace(dispute, state="under_review"),
            at=now,
            action="evidence",
            key=key,
            request=request,
            evidence=evidence,
            ends_as=ends_as,
            decides_at=now + timedelta(milliseconds=control.dispute_delay_ms) if ends_as else None,
        )
        self._record.write(moved)
        return moved.dispute

    def accept(self, key: str, ref: str) -> ProviderDispute:
        """Give the money up.

        Raises: ProviderRefused, ProviderKeyReused.
        """
        request = canonical.digest([ref])
        if known := self._known("accept", key, request):
            return known
        return self._end(self._found(ref, OPEN), "lost", self._clock.now(), key=key, request=request)

    def end_due(self, ref: str, at: datetime) -> None:
        """Decide what is under review, and take for lost what nobody answered."""
        dispute, moved = self._record.disputes[ref], self._record.moves.get(ref)
        if dispute.state == "needs_response" and dispute.due_by <= at:
            self._end(dispute, "lost", at)
        elif dispute.state == "under_review" and moved and moved.ends_as and moved.decides_at == at:
            self._end(dispute, moved.ends_as, at)

    def _end(
        self, dispute: ProviderDispute, state: Literal["won", "lost"], at: datetime, *, key: str = "", request: str = ""
    ) -> ProviderDispute:
        ended = msgspec.structs.replace(dispute, state=state)
        action: Literal["accept", "decide"] = "accept" if key else "decide"
        self._record.write(DisputeMoved(dispute=ended, at=at, action=action, key=key, request=request))
        return ended

    def _disputable(self, charge: ProviderCharge, amount: Money | None) -> Money:
        if charge.state != "succeeded":
            raise ProviderRefused(why="the charge took no money that could be disputed")
        before = self._record.disputes_of(charge.ref)
        if any(one.state in OPEN for one in before):
            raise ProviderRefused(why="the charge is disputed already")
        lost = Money.total((one.amount for one in before if one.state == "lost"), charge.amount.currency)
        returned = Money.total(
            (one.amount for one in self._record.refunds_of(charge.ref) if one.state != "failed"), charge.amount.currency
        )
        if amount and amount.currency != charge.amount.currency:
            raise ProviderRefused(why=f"the charge is in {charge.amount.currency}, not in {amount.currency}")
        wanted = amount or charge.captured - lost - returned
        if wanted.amount <= 0 or wanted > charge.captured - lost:
            raise ProviderRefused(why=f"{charge.captured - lost} of the charge can be disputed, not {wanted}")
        return wanted

    def _found(self, ref: str, states: frozenset[DisputeState]) -> ProviderDispute:
        dispute = self._record.disputes.get(ref)
        if dispute is None:
            raise ProviderRefused(why="there is no such dispute")
        if dispute.state not in states:
            raise ProviderRefused(why=f"the dispute is {dispute.state.replace('_', ' ')}")
        return dispute

    def _known(self, kind: str, key: str, request: str) -> ProviderDispute | None:
        found = self._record.calls.get((kind, key))
        if found is None:
            return None
        if found[0] != request:
            raise ProviderKeyReused(key=key)
        return self._record.disputes[found[1]]
