"""How money moves at the sandbox provider: what a charge or refund becomes, when, and at what fee. Pure."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

import msgspec

from rtp.kit.money import Money, round_half_away
from rtp.payments.ports import ProviderCharge, ProviderRefund
from rtp.payments.sandbox_cards import TestCard
from rtp.payments.sandbox_disputes import OPEN
from rtp.payments.sandbox_entries import ChargeMade, RefundMade
from rtp.payments.sandbox_record import Record
from rtp.sandbox.schemas import Control


class Asked(NamedTuple):
    """A refund as it was asked for, with the digest of the request."""

    key: str
    charge_ref: str
    amount: Money
    reason: str
    request: str


def fee(captured: Money, control: Control) -> Money:
    """What the provider keeps: a share, half up, and a fixed part; never more than was taken."""
    share = round_half_away(Fraction(captured.amount * control.fee_basis_points, 10_000))
    return Money(min(share + control.fee_fixed, captured.amount), captured.currency)


def charge(
    key: str, amount: Money, card: TestCard, request: str, control: Control, now: datetime, capture: bool
) -> ChargeMade:
    """The charge of a card; it is pending while money is slow."""
    nothing, decline = Money.zero(amount.currency), card.decline or control.decline
    taken = capture and not decline
    ends = ProviderCharge(
        ref=f"ch_{secrets.token_hex(12)}",
        key=key,
        amount=amount,
        captured=amount if taken else nothing,
        fee=fee(amount, control) if taken else nothing,
        card_ref=card.card.ref,
        state="succeeded" if taken else "failed" if decline else "authorized",
        failure_reason=decline,
        created_at=now,
    )
    if not taken or not (control.charges_pending or control.charge_delay_ms):
        return ChargeMade(charge=ends, request=request)
    return ChargeMade(
        charge=msgspec.structs.replace(ends, state="pending", captured=nothing, fee=nothing),
        request=request,
        ends=ends,
        settles_at=_settles(now, control.charge_delay_ms, held=control.charges_pending),
    )


def refund(asked: Asked, failure: str, control: Control, now: datetime, *, waits: bool) -> RefundMade:
    """The refund of a charge; what the provider turns down at once (`waits` is false) is never pending.

    What fails late succeeds at once, as at a provider that hears of the card's bank only days after.
    """
    ends = ProviderRefund(
        ref=f"re_{secrets.token_hex(12)}",
        key=asked.key,
        charge_ref=asked.charge_ref,
        amount=asked.amount,
        reason=asked.reason,
        state="failed" if failure else "succeeded",
        failure_reason=failure,
        created_at=now,
    )
    late = control.refund_fails_after_ms if failure else 0
    if not waits or not (late or control.refunds_pending or control.refund_delay_ms):
        return RefundMade(refund=ends, request=asked.request)
    if late:
        returned = msgspec.structs.replace(ends, state="succeeded", failure_reason="")
        at = _settles(now, late, held=False)
        return RefundMade(refund=returned, request=asked.request, ends=ends, settles_at=at)
    return RefundMade(
        refund=msgspec.structs.replace(ends, state="pending", failure_reason=""),
        request=asked.request,
        ends=ends,
        settles_at=_settles(now, control.refund_delay_ms, held=control.refunds_pending),
    )


def refusal(record: Record, charge: ProviderCharge | None, amount: Money) -> str:
    """Why a refund is turned down at once; empty when it is not."""
    if charge is None:
        return "charge_not_found"
    if charge.state != "succeeded":
        return "charge_not_captured"
    if charge.amount.currency != amount.currency:
        return "currency_mismatch"
    disputes = record.disputes_of(charge.ref)
    if any(one.state in OPEN for one in disputes):
        return "charge_disputed"
    gone = [one.amount for one in disputes if one.state == "lost"]
    gone += [one.amount for one in record.refunds_of(charge.ref) if one.state != "failed"]
    return "charge_already_refunded" if Money.total([*gone, amount], amount.currency) > charge.captured else ""


def _settles(now: datetime, delay_ms: int, *, held: bool) -> datetime | None:
    return None if held else now + timedelta(milliseconds=delay_ms)
