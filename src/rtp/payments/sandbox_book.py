"""The sandbox provider's rules, without I/O: cards, charges, refunds, and one object per key."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, Literal, TypeVar

import msgspec

from rtp.kit import canonical
from rtp.kit.clock import Clock
from rtp.kit.money import Money
from rtp.payments.errors import CardNotKnown, ProviderKeyReused, ProviderRefused
from rtp.payments.ports import ProviderCard, ProviderCharge, ProviderRefund, RefundState

Behaviour = Literal["", "slow", "hang"]

CARDS = {
    "visa": ProviderCard(ref="card_visa", brand="visa", last4="4242"),
    "declined": ProviderCard(ref="card_declined", brand="visa", last4="0002"),
    "slow": ProviderCard(ref="card_slow", brand="mastercard", last4="4444"),
    "times-out-after-success": ProviderCard(ref="card_times-out-after-success", brand="mastercard", last4="5100"),
}
"""The test cards by their names; the references stay the same, so that a plan and its act see equal cards."""

KEY = re.compile(r"[!-~]{1,255}")
"""What a key may be: a header carries it, so visible ASCII without spaces."""

BEHAVIOUR: dict[str, Behaviour] = {"card_slow": "slow", "card_times-out-after-success": "hang"}
"""How the answer about a card's money comes: after a while, or never."""


class Control(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How the sandbox misbehaves, for experiments; kept in memory only.

    `fail_rate` is the share of calls that fail with nothing done and no word about it, spread evenly; `hang` takes
    calls and never answers; `down` turns all away; refunds stay pending for `refund_delay_ms`, or while
    `refunds_pending`; `refund_failure` is the reason with which new refunds end. After `ttl_seconds` all of it is over,
    also when whoever set it is dead; 0 lasts until the next control.
    """

    latency_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 0
    fail_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    hang: bool = False
    down: bool = False
    refund_delay_ms: Annotated[int, msgspec.Meta(ge=0, le=86_400_000)] = 0
    refunds_pending: bool = False
    refund_failure: str = ""
    ttl_seconds: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 0.0


class ChargeMade(msgspec.Struct, frozen=True, kw_only=True, tag="charge"):
    """A charge came to be; `request` is the digest of what was asked under its key."""

    charge: ProviderCharge
    request: str


class RefundMade(msgspec.Struct, frozen=True, kw_only=True, tag="refund"):
    """A refund came to be; pending, it becomes `ends_as` at `settles_at`, or when it is released."""

    refund: ProviderRefund
    request: str
    ends_as: RefundState
    ends_because: str = ""
    settles_at: datetime | None = None


class RefundsReleased(msgspec.Struct, frozen=True, kw_only=True, tag="released"):
    """Refunds that were held back are settled."""

    keys: list[str]


Entry = ChargeMade | RefundMade | RefundsReleased
M = TypeVar("M", ChargeMade, RefundMade)


class Failing:
    """Spreads failures evenly: at a rate of 0.25 every fourth call fails."""

    def __init__(self) -> None:
        self._owed = 0.0

    def next(self, rate: float) -> bool:
        """Whether this call fails."""
        self._owed = round(self._owed + rate, 9)
        if self._owed < 1:
            return False
        self._owed -= 1
        return True


class Book:
    """What the provider knows. `record` is called with each entry before it takes effect; if it raises, nothing did."""

    def __init__(self, clock: Clock, record: Callable[[Entry], None] = lambda _: None) -> None:
        self.clock = clock
        self._control = Control()
        self._control_ends: datetime | None = None
        self._record = record
        self._charges: dict[str, ChargeMade] = {}
        self._refunds: dict[str, RefundMade] = {}
        self._keys: dict[str, str] = {}
        self._refunds_of: dict[str, list[str]] = {}

    @property
    def control(self) -> Control:
        """How it misbehaves now."""
        if self._control_ends is not None and self.clock.now() >= self._control_ends:
            self.steer(Control())
        return self._control

    def card(self, name: str) -> ProviderCard:
        """The test card of a name.

        Raises: CardNotKnown.
        """
        if name not in CARDS:
            raise CardNotKnown(card=_shown(name), known=", ".join(CARDS))
        return CARDS[name]

    def charge(self, key: str, amount: Money, card_ref: str, description: str) -> tuple[ProviderCharge, Behaviour]:
        """Take money once per key; the behaviour is empty where the charge was made before.

        Raises: ProviderKeyReused, ProviderRefused.
        """
        request = _request(key, amount, card_ref, description)
        if known := _known(self._charges, key, request):
            return known.charge, ""
        if card_ref not in {card.ref for card in CARDS.values()}:
            raise ProviderRefused(why="there is no such card")
        declined = card_ref == CARDS["declined"].ref
        charge = ProviderCharge(
            ref=_ref("ch"),
            key=key,
            amount=amount,
            captured=Money.zero(amount.currency) if declined else amount,
            fee=Money.zero(amount.currency),
            card_ref=card_ref,
            state="failed" if declined else "succeeded",
            failure_reason="card_declined" if declined else "",
            created_at=self.clock.now(),
        )
        self._write(ChargeMade(charge=charge, request=request))
        return charge, BEHAVIOUR.get(card_ref, "")

    def refund(self, key: str, charge_ref: str, amount: Money, reason: str) -> tuple[ProviderRefund, Behaviour]:
        """Return money once per key, never more than the charge took.

        Raises: ProviderKeyReused, ProviderRefused.
        """
        request = _request(key, amount, charge_ref, reason)
        if known := _known(self._refunds, key, request):
            return self._seen(known), ""
        made = self._made(key, charge_ref, amount, reason, request)
        self._write(made)
        return self._seen(made), BEHAVIOUR.get(self._card_of(charge_ref), "")

    def charge_of(self, key: str) -> ProviderCharge | None:
        """The charge made under a key."""
        made = self._charges.get(key)
        return made.charge if made else None

    def refund_of(self, key: str) -> ProviderRefund | None:
        """The refund made under a key, as it stands now."""
        made = self._refunds.get(key)
        return self._seen(made) if made else None

    def charges(self, since: datetime, begin: int = 0, count: int | None = None) -> list[ProviderCharge]:
        """Charges from an instant on in the order they were made: `count` of them after the first `begin`."""
        found = (made.charge for made in self._charges.values() if made.charge.created_at >= since)
        return list(islice(found, begin, None if count is None else begin + count))

    def refunds(self, since: datetime, begin: int = 0, count: int | None = None) -> list[ProviderRefund]:
        """Refunds from an instant on in the order they were made, as they stand now."""
        found = (made for made in self._refunds.values() if made.refund.created_at >= since)
        return [self._seen(made) for made in islice(found, begin, None if count is None else begin + count)]

    def steer(self, control: Control) -> None:
        """Take new controls; refunds that were held back are let go when nothing holds them any more."""
        self._control = control
        ends = self.clock.now() + timedelta(seconds=control.ttl_seconds)
        self._control_ends = ends if control.ttl_seconds else None
        if not control.refunds_pending:
            self.release()

    def release(self) -> None:
        """Settle the refunds that were held back."""
        held = [key for key, made in self._refunds.items() if made.refund.state == "pending" and not made.settles_at]
        if held:
            self._write(RefundsReleased(keys=held))

    def apply(self, entry: Entry) -> None:
        """Let an entry take effect, when it is made and when it is read again."""
        match entry:
            case ChargeMade(charge=charge):
                self._charges[charge.key] = entry
                self._keys[charge.ref] = charge.key
            case RefundMade(refund=refund):
                self._refunds[refund.key] = entry
                self._refunds_of.setdefault(refund.charge_ref, []).append(refund.key)
            case RefundsReleased(keys=keys):
                for key in keys:
                    self._refunds[key] = _settled(self._refunds[key])

    def _write(self, entry: Entry) -> None:
        self._record(entry)
        self.apply(entry)

    def _made(self, key: str, charge_ref: str, amount: Money, reason: str, request: str) -> RefundMade:
        now = self.clock.now()
        refused = self._refusal(charge_ref, amount)
        failure = refused or self.control.refund_failure
        delay = timedelta(milliseconds=self.control.refund_delay_ms)
        waits = not refused and bool(delay or self.control.refunds_pending)
        ends_as: RefundState = "failed" if failure else "succeeded"
        refund = ProviderRefund(
            ref=_ref("re"),
            key=key,
            charge_ref=charge_ref,
            amount=amount,
            reason=reason,
            state="pending" if waits else ends_as,
            failure_reason="" if waits else failure,
            created_at=now,
        )
        settles_at = now + delay if waits and not self.control.refunds_pending else None
        return RefundMade(refund=refund, request=request, ends_as=ends_as, ends_because=failure, settles_at=settles_at)

    def _refusal(self, charge_ref: str, amount: Money) -> str:
        charge = self.charge_of(self._keys.get(charge_ref, ""))
        if charge is None:
            return "charge_not_found"
        if charge.state != "succeeded":
            return "charge_not_captured"
        if charge.amount.currency != amount.currency:
            return "currency_mismatch"
        refunds = (self._seen(self._refunds[key]) for key in self._refunds_of.get(charge_ref, []))
        held = sum(refund.amount.amount for refund in refunds if refund.state != "failed")
        return "charge_already_refunded" if held + amount.amount > charge.amount.amount else ""

    def _card_of(self, charge_ref: str) -> str:
        charge = self.charge_of(self._keys.get(charge_ref, ""))
        return charge.card_ref if charge else ""

    def _seen(self, made: RefundMade) -> ProviderRefund:
        due = made.settles_at is not None and made.settles_at <= self.clock.now()
        return _settled(made).refund if due else made.refund


def _settled(made: RefundMade) -> RefundMade:
    refund = msgspec.structs.replace(made.refund, state=made.ends_as, failure_reason=made.ends_because)
    return msgspec.structs.replace(made, refund=refund)


def _known(made: dict[str, M], key: str, request: str) -> M | None:
    found = made.get(key)
    if found is not None and found.request != request:
        raise ProviderKeyReused(key=key)
    return found


def _request(key: str, amount: Money, *rest: str) -> str:
    if not KEY.fullmatch(key):
        raise ProviderRefused(why="a key is 1 to 255 visible ASCII characters")
    if amount.amount <= 0:
        raise ProviderRefused(why=f"{amount} is not a positive amount")
    return canonical.digest([amount.amount, amount.currency, *rest])


def _ref(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def _shown(name: str) -> str:
    """A name for a message: what might be a real card number is never repeated."""
    digits = sum(letter.isdigit() for letter in name)
    return "A card number" if digits >= 8 else repr(name[:40])
