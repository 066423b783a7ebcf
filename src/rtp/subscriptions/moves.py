"""One change of a subscription: the row, its event and the entitlement that follows from it, in one frame."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from rtp.db.frame import Frame
from rtp.entitlements import service as entitlements
from rtp.entitlements.schemas import Source
from rtp.kit import ids
from rtp.payments.schemas import Payment
from rtp.subscriptions import periods, policy, repository
from rtp.subscriptions.errors import PaymentUnderWay, SubscriptionNotFound
from rtp.subscriptions.repository import Held
from rtp.users import service as users


async def lock(frame: Frame, key: str) -> Held:
    """The subscription, held for this transaction.

    Raises: SubscriptionNotFound.
    """
    return await find(frame, key, lock=True)


async def find(frame: Frame, key: str, *, lock: bool = False) -> Held:
    """The subscription with this id.

    Raises: SubscriptionNotFound.
    """
    subscription_id = ids.parse_or("sub", key, SubscriptionNotFound)
    held = await repository.find(frame, subscription_id, lock=lock)
    if held is None:
        raise SubscriptionNotFound(key=key)
    return held


async def change(frame: Frame, before: Held, type: str, **values: Any) -> Held:
    """Change a locked subscription; what it opens or closes follows at once."""
    after = await repository.change(frame, before.uuid, **values)
    frame.record(
        f"subscription.{type}",
        after.id,
        after.version,
        user_id=after.member,
        before=before.shown(),
        after=after.shown(),
    )
    await entitlements.follow(frame, [source_of(after)])
    return after


def source_of(held: Held) -> Source:
    """What decides about the entitlement."""
    return Source(
        user_id=held.member,
        product_id=held.product_id,
        product=held.product,
        source_id=held.uuid,
        status=held.status,
        ending_at=held.period_end if held.cancel_at_period_end else None,
        grace_until=held.grace_until,
        paid_until=held.period_end,
    )


def refuse_while_charging(held: Held, event: str) -> None:
    """What must not happen between a charge and its result.

    Raises: PaymentUnderWay.
    """
    if held.payment_state == "pending":
        raise PaymentUnderWay(subscription=held.id, event=event)


def charged(payment: Payment, cause: str) -> dict[str, Any]:
    """The columns that say that a charge is under way."""
    return charging(ids.parse("pay", payment.id), payment.method_id, cause)


def charging(payment_id: UUID, method: str, cause: str) -> dict[str, Any]:
    """The columns that say that a charge with this id is under way; `cause` is first, due or hand."""
    return {
        "payment_id": payment_id,
        "payment_method_id": ids.parse("pm", method),
        "payment_state": "pending",
        "payment_failure": "",
        "payment_cause": cause,
    }


async def paid(frame: Frame, before: Held) -> Held:
    """The next period is paid for; it begins where the last one ended, and its zone is the member's of today."""
    status = policy.moved(before.id, before.status, "paid")
    zone = (await users.resolve(frame, before.user_id)).timezone
    anchor, number, start = before.anchor, before.boundary + 1, before.period_end
    end = _boundary(before, anchor, zone, number)
    if end <= frame.now and before.status in {"incomplete", "unpaid"}:
        anchor, number, start = frame.now, 1, frame.now  # nothing was open meanwhile, so nothing of it is owed
        end = _boundary(before, anchor, zone, number)
    elif frame.now < before.period_end:
        start = before.period_start
    return await change(
        frame,
        before,
        "activated" if before.status in {"incomplete", "trialing"} else "renewed",
        status=status,
        zone=zone,
        anchor=anchor,
        boundary=number,
        period_start=start,
        period_end=end,
        due_at=end,
        failures=0,
        past_due_since=None,
        grace_until=None,
        payment_state="succeeded",
        payment_failure="",
    )


async def not_paid(frame: Frame, before: Held, reason: str, *, due: bool) -> Held:
    """A charge failed: one that was due makes the subscription past due, a first one or one by hand nothing else."""
    if not due:
        return await change(frame, before, "payment_failed", payment_state="failed", payment_failure=reason)
    since = before.past_due_since or frame.now
    failures = before.failures + 1
    return await change(
        frame,
        before,
        "payment_failed",
        status=policy.moved(before.id, before.status, "payment_failed"),
        failures=failures,
        past_due_since=since,
        grace_until=since + policy.GRACE,
        due_at=policy.act_after_failure(since, failures, reason),
        payment_state="failed",
        payment_failure=reason,
    )


def _boundary(held: Held, anchor: datetime, zone: str, number: int) -> datetime:
    return periods.boundary(anchor, zone, held.interval, held.interval_count, number)
