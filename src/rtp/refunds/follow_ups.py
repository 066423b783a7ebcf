"""What a refund does beside returning money, each only when it is asked for: end the subscription, close its access."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.entitlements import service as entitlements
from rtp.kit import ids
from rtp.payments.schemas import Payment, SoldLine
from rtp.refunds.errors import NothingToCancel, NothingToRestock, NothingToRevoke
from rtp.refunds.schemas import Ending, PreviewRefund
from rtp.subscriptions import service as subscriptions
from rtp.subscriptions.schemas import CancelSubscription, Subscription

_STAYS = "stays as it is"
_ENDING, _CLOSING = " (--cancel-subscription now|period-end)", " (--revoke-access)"
"""By which flags of `rtp refunds issue` that would differ."""


def refuse_impossible(payment: Payment, lines: list[SoldLine], asked: PreviewRefund) -> None:
    """What can be seen to be impossible without looking further.

    Raises: NothingToRestock, NothingToCancel.
    """
    if asked.restock:
        raise NothingToRestock(payment=payment.id, what=", ".join(line.description for line in lines))
    if (asked.cancel_subscription != "no" or asked.revoke_access) and not payment.source.startswith("sub_"):
        raise NothingToCancel(payment=payment.id)


async def carry_out(frame: Frame, payment: Payment, *, cancel: Ending, revoke: bool) -> None:
    """End the payment's subscription and close what it opened, as asked.

    Raises: SubscriptionStateRefused, PaymentUnderWay, NothingToRevoke.
    """
    if cancel != "no":
        await subscriptions.cancel(frame, payment.source, CancelSubscription(now=cancel == "now"))
    if not revoke or cancel == "now":
        return  # what is cancelled now is closed now
    held = await subscriptions.show(frame, payment.source)
    user_id = ids.parse_user(payment.user_id)
    if not await entitlements.revoke(frame, user_id, source=held.id, until=held.period_end):
        raise NothingToRevoke(subscription=held.id)


async def in_words(frame: Frame, payment: Payment, asked: PreviewRefund, *, asking: bool = True) -> tuple[str, str]:
    """What becomes of the subscription and of the access; who is `asking` is told by which flag that would differ."""
    if not payment.source.startswith("sub_"):
        return "none was paid for", "nothing is opened or closed"
    held = await subscriptions.show(frame, payment.source)
    subscription, access = _subscription(held, asked), _access(held, asked)
    return subscription + (_ENDING if asking and asked.cancel_subscription == "no" else ""), access + (
        _CLOSING if asking and access == _STAYS else ""
    )


def _subscription(held: Subscription, asked: PreviewRefund) -> str:
    day = f"{held.period_end:%Y-%m-%d}"
    if asked.cancel_subscription == "now":
        return f"{held.product} ends now"
    if asked.cancel_subscription == "period_end":
        return f"{held.product} ends on {day}"
    goes_on = held.status in {"trialing", "active", "past_due"} and not held.cancel_at_period_end
    charged = f" and is charged again on {day}" if goes_on else ""
    return f"{held.product} stays {held.status}{charged}"


def _access(held: Subscription, asked: PreviewRefund) -> str:
    if asked.cancel_subscription == "now":
        return "closes now, with the subscription"
    if asked.revoke_access:
        return f"closes now; a payment for the time after {held.period_end:%Y-%m-%d} opens it again"
    return _STAYS
