"""The sandbox provider's rules, without I/O: charges, captures, refunds, and one object per key."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

import msgspec

from rtp.kit import canonical
from rtp.kit.clock import Clock
from rtp.kit.money import Money
from rtp.payments import sandbox_cards, sandbox_money
from rtp.payments.errors import ProviderKeyReused, ProviderOutcomeUnknown, ProviderRefused
from rtp.payments.ports import ProviderCard, ProviderCharge, ProviderDispute, ProviderRefund
from rtp.payments.sandbox_cards import BY_REF, Behaviour, TestCard
from rtp.payments.sandbox_disputes import Desk
from rtp.payments.sandbox_entries import Captured, Entry, Released
from rtp.payments.sandbox_record import Due, Record
from rtp.sandbox.schemas import Control

KEY = re.compile(r"[!-~]{1,255}")
"""What a key may be: a header carries it, so visible ASCII without spaces."""
T = TypeVar("T")


class Book:
    """What the provider knows. `keep` is called with each entry before it takes effect; if it raises, nothing did."""

    def __init__(
        self, clock: Clock, keep: Callable[[Entry], None] = lambda _: None, *, provider: str = "sandbox"
    ) -> None:
        self.clock = clock
        self.record = Record(keep, provider)
        self.disputes = Desk(self.record, clock, lambda: self.control)
        self._control = Control()
        self._control_ends: datetime | None = None
        self._lost: set[str] = set()

    @property
    def control(self) -> Control:
        """How it misbehaves now."""
        if self._control_ends is not None and self.clock.now() >= self._control_ends:
            self.steer(Control())
        return self._control

    @property
    def control_ends(self) -> datetime | None:
        """When the controls end by themselves."""
        return self._control_ends

    def card(self, name: str) -> ProviderCard:
        """The test card of a name.

        Raises: CardNotKnown.
        """
        return sandbox_cards.card(name)

    def charge(
        self, key: str, amount: Money, card_ref: str, description: str, capture: bool = True
    ) -> tuple[ProviderCharge, Behaviour]:
        """Take or reserve money once per key; the behaviour is empty where the charge was made before.

        Raises: ProviderKeyReused, ProviderRefused, ProviderOutcomeUnknown for a card that loses its first call.
        """
        self.catch_up()
        request = _request(key, amount, card_ref, description, *([] if capture else ["authorize"]))
        if (made := self.record.charges.get(key)) is not None:
            return _same(made.request, request, key, made.charge), ""
        if (card := BY_REF.get(card_ref)) is None:
            raise ProviderRefused(why="there is no such card")
        self._lose_once(card, f"charge:{key}")
        self.record.write(sandbox_money.charge(key, amount, card, request, self.control, self.clock.now(), capture))
        charge = self.record.charges[key].charge
        self._object(charge)
        return charge, card.behaviour

    def capture(self, key: str, charge_ref: str, amount: Money) -> tuple[ProviderCharge, Behaviour]:
        """Take what was reserved, or a part of it, once.

        Raises: ProviderKeyReused, ProviderRefused, ProviderOutcomeUnknown for a card that loses its first call.
        """
        self.catch_up()
        request = _request(key, amount, charge_ref)
        charge = self.record.charge(charge_ref)
        if (known := self.record.calls.get(("capture", key))) is not None:
            return _same(known[0], request, key, self.record.charge(known[1]) or charge), ""  # type: ignore[return-value]
        if charge is None or charge.state != "authorized":
            raise ProviderRefused(why="there is no such authorized charge")
        if amount.currency != charge.amount.currency or amount > charge.amount:
            raise ProviderRefused(why=f"{amount} is not within the {charge.amount} that was authorized")
        card = BY_REF[charge.card_ref]
        self._lose_once(card, f"capture:{key}")
        taken = msgspec.structs.replace(
            charge, state="succeeded", captured=amount, fee=sandbox_money.fee(amount, self.control)
        )
        self.record.write(Captured(key=key, request=request, charge=taken, at=self.clock.now()))
        self._object(taken)
        return taken, card.behaviour

    def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> tuple[ProviderRefund, Behaviour]:
        """Return money once per key, never more than the charge took.

        Raises: ProviderKeyReused, ProviderRefused, ProviderOutcomeUnknown for a card that loses its first call.
        """
        self.catch_up()
        request = _request(key, amount, charge_ref, reason)
        if (made := self.record.refunds.get(key)) is not None:
            return _same(made.request, request, key, made.refund), ""
        charge = self.record.charge(charge_ref)
        card = BY_REF.get(charge.card_ref) if charge else None
        if card is not None:
            self._lose_once(card, f"refund:{key}")
        refusal = sandbox_money.refusal(self.record, charge, amount)
        failure = refusal or self.control.refund_failure or (card.refund_failure if card else "")
        asked = sandbox_money.Asked(key, charge_ref, amount, reason, request)
        self.record.write(sandbox_money.refund(asked, failure, self.control, self.clock.now(), waits=not refusal))
        return self.record.refunds[key].refund, card.behaviour if card else ""

    def submit_evidence(self, key: str, dispute_ref: str, evidence: dict[str, str]) -> ProviderDispute:
        """Answer a dispute.

        Raises: ProviderKeyReused, ProviderRefused.
        """
        self.catch_up()
        require_key(key)
        return self.disputes.submit(key, dispute_ref, evidence)

    def accept_dispute(self, key: str, dispute_ref: str) -> ProviderDispute:
        """Give the money of a dispute up.

        Raises: ProviderKeyReused, ProviderRefused.
        """
        self.catch_up()
        require_key(key)
        return self.disputes.accept(key, dispute_ref)

    def charge_of(self, key: str) -> ProviderCharge | None:
        """The charge made under a key, as it stands now."""
        self.catch_up()
        made = self.record.charges.get(key)
        return made.charge if made else None

    def refund_of(self, key: str) -> ProviderRefund | None:
        """The refund made under a key, as it stands now."""
        self.catch_up()
        made = self.record.refunds.get(key)
        return made.refund if made else None

    def charges(self, since: datetime, begin: int = 0, count: int | None = None) -> list[ProviderCharge]:
        """Charges from an instant on in the order they were made: `count` of them after the first `begin`."""
        self.catch_up()
        found = (made.charge for made in self.record.charges.values() if made.charge.created_at >= since)
        return _part(found, begin, count)

    def refunds(self, since: datetime, begin: int = 0, count: int | None = None) -> list[ProviderRefund]:
        """Refunds from an instant on in the order they were made, as they stand now."""
        self.catch_up()
        found = (made.refund for made in self.record.refunds.values() if made.refund.created_at >= since)
        return _part(found, begin, count)

    def disputes_since(self, since: datetime, begin: int = 0, count: int | None = None) -> list[ProviderDispute]:
        """Disputes from an instant on in the order they were opened, as they stand now."""
        self.catch_up()
        return _part((one for one in self.record.disputes.values() if one.created_at >= since), begin, count)

    def steer(self, control: Control) -> None:
        """Take new controls; what was held back is let go when nothing holds it any more."""
        self._control = control
        ends = self.clock.now() + timedelta(seconds=control.ttl_seconds)
        self._control_ends = ends if control.ttl_seconds else None
        self.release(charges=not control.charges_pending, refunds=not control.refunds_pending)

    def release(self, *, charges: bool = True, refunds: bool = True) -> None:
        """Settle what was held back."""
        made, returned = self.record.charges, self.record.refunds
        keys = [key for key, one in made.items() if one.ends and not one.settles_at] if charges else []
        held = [key for key, one in returned.items() if one.ends and not one.settles_at] if refunds else []
        if keys or held:
            self.record.write(Released(charges=keys, refunds=held, at=self.clock.now()))
            self._object_all(keys)

    def catch_up(self) -> None:
        """Let happen what was to happen by now: pending money settles, disputes end."""
        now, due = self.clock.now(), self.record.due
        if not due or due[0][0] > now:
            return
        passed: list[Due] = []
        while due and due[0][0] <= now:
            passed.append(heapq.heappop(due))
        try:
            self._happen(passed, now)
        except BaseException:  # what could not be written has not happened, and is due again
            for one in passed:
                heapq.heappush(due, one)
            raise

    def _happen(self, passed: list[Due], now: datetime) -> None:
        record = self.record
        charges = [key for _, kind, key in passed if kind == "charge" and record.charges[key].ends]
        refunds = [key for _, kind, key in passed if kind == "refund" and record.refunds[key].ends]
        if charges or refunds:
            record.write(Released(charges=charges, refunds=refunds, at=now))
            self._object_all(charges)
        for at, kind, ref in passed:
            if kind == "dispute":
                self.disputes.end_due(ref, at)

    def _object(self, charge: ProviderCharge) -> None:
        """The card that is always disputed."""
        if charge.state == "succeeded" and BY_REF[charge.card_ref].disputed:
            self.disputes.open(charge, "fraudulent", None)

    def _object_all(self, keys: list[str]) -> None:
        for key in keys:
            self._object(self.record.charges[key].charge)

    def _lose_once(self, card: TestCard, call: str) -> None:
        if card.lost_once and call not in self._lost:
            self._lost.add(call)
            raise ProviderOutcomeUnknown(key=call.partition(":")[2], why="no answer in time")


def require_key(key: str) -> None:
    """Refuse a key that no header can carry.

    Raises: ProviderRefused.
    """
    if not KEY.fullmatch(key):
        raise ProviderRefused(why="a key is 1 to 255 visible ASCII characters")


def _same(known: str, request: str, key: str, made: T) -> T:
    if known != request:
        raise ProviderKeyReused(key=key)
    return made


def _request(key: str, amount: Money, *rest: str) -> str:
    require_key(key)
    if amount.amount <= 0:
        raise ProviderRefused(why=f"{amount} is not a positive amount")
    return canonical.digest([amount.amount, amount.currency, *rest])


def _part(found: Iterator[T], begin: int, count: int | None) -> list[T]:
    return list(islice(found, begin, None if count is None else begin + count))
