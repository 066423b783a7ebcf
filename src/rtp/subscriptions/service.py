"""Use cases of subscriptions: a charge is only asked for here, its result settles later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, instant_of
from rtp.entitlements import service as entitlements
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.operations import Page
from rtp.payments import service as payments
from rtp.payments.schemas import ChargeLine, PaymentMethod
from rtp.products import service as products
from rtp.products.schemas import Price
from rtp.subscriptions import cards, moves, periods, policy, repository
from rtp.subscriptions.errors import AlreadySubscribed, CardRequired, SubscriptionStateRefused
from rtp.subscriptions.repository import Held, Terms
from rtp.subscriptions.schemas import (
    CancelSubscription,
    CreateSubscription,
    RenewSubscription,
    ResumeSubscription,
    Service,
    Status,
    Subscription,
)
from rtp.users import service as users
from rtp.users.errors import UserStateRefused
from rtp.users.schemas import User

OVERDUE = timedelta(minutes=10)
BILLABLE: tuple[Status, ...] = ("trialing", "active", "past_due")


async def create(frame: Frame, request: CreateSubscription) -> Subscription:
    """Subscribe a member: a trial where the price has one and the member had none, else a charge at once.

    Raises: UserNotFound, UserStateRefused, PriceNotFound, PriceArchived, CardRequired, MethodNotFound,
    MethodNotUsable, AlreadySubscribed.
    """
    user = await users.resolve(frame, request.user)
    user_id = ids.parse_user(user.id)
    if user.status != "active":
        raise UserStateRefused(user=user.id, state=user.status, event="subscribe")
    price = await products.price_on_sale(frame, request.price)
    terms = terms_of(price)
    trial_days = 0 if await repository.had(frame, [(user_id, terms.product_id)]) else price.trial_days
    if not (trial_days or request.card):
        raise CardRequired(price=price.key)
    method = None if request.card is None else await cards.chosen(frame, user_id, request.card)
    subscription_id = frame.ids.uuid(user_id)
    begun = beginning(frame.now, user, trial_days, method)
    if not trial_days and method is not None:
        payment = await payments.charge(
            frame,
            method,
            amount=price.amount,
            purpose=purpose(price.key, 1),
            source=ids.show("sub", subscription_id),
            lines=sold(price.product, price.key, price.amount, 1),
        )
        begun |= moves.charged(payment, "first")
    added = await repository.add(frame, [repository.row_of(frame, subscription_id, user_id, terms, **begun)])
    if not added:
        raise AlreadySubscribed(user=user.id, product=price.product)
    held = added[0]
    frame.record("subscription.created", held.id, held.version, user_id=user_id, after=held.shown())
    await entitlements.follow(frame, [moves.source_of(held)])
    return held.shown()


async def show(frame: Frame, key: str) -> Subscription:
    """A subscription.

    Raises: SubscriptionNotFound.
    """
    return (await moves.find(frame, key)).shown()


async def page(
    frame: Frame,
    page: PageRequest,
    *,
    user: str = "",
    status: Status | None = None,
    price: str = "",
    due_before: str = "",
) -> Page[Subscription]:
    """One page of subscriptions.

    Raises: UserNotFound, InvalidInput.
    """
    user_id = ids.parse_user((await users.resolve(frame, user)).id) if user else None
    before = instant_of("due_before", due_before, frame.now) if due_before else None
    return await repository.page(frame, page, user_id=user_id, status=status, price=price, due_before=before)


async def cancel(frame: Frame, key: str, request: CancelSubscription) -> Subscription:
    """End a subscription at the end of what is paid for; or now, and so it is when nothing is paid for.

    Raises: SubscriptionNotFound, SubscriptionStateRefused, PaymentUnderWay.
    """
    before = await moves.lock(frame, key)
    status = policy.moved(before.id, before.status, "cancel")
    running = before.status in {"trialing", "active"} and frame.now < before.period_end
    if running and not request.now:
        if before.cancel_at_period_end:
            raise SubscriptionStateRefused(subscription=before.id, status="canceled already", event="cancel")
        return (await moves.change(frame, before, "cancellation_scheduled", cancel_at_period_end=True)).shown()
    moves.refuse_while_charging(before, "cancel")
    return (await _end(frame, before, status)).shown()


async def pause(frame: Frame, key: str) -> Subscription:
    """Stop access and charges; what is left of the paid period is kept.

    Raises: SubscriptionNotFound, SubscriptionStateRefused, PaymentUnderWay.
    """
    before = await moves.lock(frame, key)
    status = policy.moved(before.id, before.status, "pause")
    moves.refuse_while_charging(before, "pause")
    return (await moves.change(frame, before, "paused", status=status, paused_at=frame.now, due_at=None)).shown()


async def resume(frame: Frame, key: str, request: ResumeSubscription) -> Subscription:
    """Go on with what was left when it was paused, or take back a cancellation that has not come into force.

    When nothing was left (a trial that ended without a card) the first period is charged now.
    Raises: SubscriptionNotFound, SubscriptionStateRefused, PaymentUnderWay, CardRequired, and what a card raises.
    """
    before = await moves.lock(frame, key)
    if before.status in {"trialing", "active"} and before.cancel_at_period_end:
        return (await moves.change(frame, before, "cancellation_withdrawn", cancel_at_period_end=False)).shown()
    status = policy.moved(before.id, before.status, "resume")
    left = before.period_end - (before.paused_at or before.period_end)
    if left <= timedelta():
        return await _charge(frame, before, request.card, cause="first", **_anew(frame, before))
    user = await users.resolve(frame, before.user_id)
    end = frame.now + left
    changed: dict[str, Any] = {"status": status, "zone": user.timezone, "anchor": end, "boundary": 0}
    changed |= {"paused_at": None, "period_end": end, "due_at": end}
    if request.card is not None:
        changed["payment_method_id"] = cards.uuid_of(await cards.chosen(frame, before.member, request.card))
    return (await moves.change(frame, before, "resumed", **changed)).shown()


async def renew(frame: Frame, key: str, request: RenewSubscription) -> Subscription:
    """Charge the next period by hand, early or after a failure; should it fail, nothing else changes.

    Raises: SubscriptionNotFound, SubscriptionStateRefused, PaymentUnderWay, CardRequired, and what a card raises.
    """
    before = await moves.lock(frame, key)
    if before.status not in policy.CHARGEABLE or before.cancel_at_period_end:
        status = "canceled for the end of its period" if before.cancel_at_period_end else before.status
        raise SubscriptionStateRefused(subscription=before.id, status=status, event="renew")
    moves.refuse_while_charging(before, "renew")
    return await _charge(frame, before, request.card, cause="hand")


async def services_of(frame: Frame, user_id: int) -> list[Service]:
    """The services of a member for the support page: open or not, why, and the next charge."""
    owned = await entitlements.of_user(frame, user_id)
    found = await repository.by_ids(frame, user_id, [ids.parse("sub", one.source_id) for one in owned])
    services = []
    for one in owned:
        held = found[ids.parse("sub", one.source_id)]
        due = held.due_at if _charges_next(held) else None
        services.append(
            Service(
                product=one.product,
                open=one.open,
                why=one.why,
                until=one.until,
                subscription_id=held.id,
                price=held.price,
                status=held.status,
                period_end=held.period_end,
                next_charge_at=due,
                next_charge=None if due is None else held.amount,
            )
        )
    return services


async def owner(frame: Frame, key: str) -> int | None:
    """The member whose it is, or None.

    Raises: WrongId.
    """
    held = await repository.find(frame, ids.parse("sub", key))
    return None if held is None else held.member


async def active_count(frame: Frame) -> int:
    """How many subscriptions are trialing, active or past due."""
    counts = await repository.counts(frame)
    return sum(counts.get(status, 0) for status in BILLABLE)


async def overdue_count(frame: Frame) -> int:
    """How many subscriptions have waited for their next step for longer than a worker may take."""
    return await repository.overdue(frame, frame.now - OVERDUE)


def terms_of(price: Price) -> Terms:
    """What buying at this price means."""
    return Terms(
        product_id=ids.parse("prod", price.product_id),
        product=price.product,
        price_id=ids.parse("price", price.id),
        price=price.key,
        amount=price.amount,
        interval=price.interval,
        interval_count=price.interval_count,
    )


def beginning(now: datetime, user: User, trial_days: int, method: PaymentMethod | None) -> dict[str, Any]:
    """The columns of a subscription that begins now: a trial in local days, or a first payment to be made."""
    trial_end = periods.boundary(now, user.timezone, "day", trial_days, 1) if trial_days else None
    return {
        "status": "trialing" if trial_end else "incomplete",
        "zone": user.timezone,
        "anchor": trial_end or now,
        "period_start": now,
        "period_end": trial_end or now,
        "trial_end": trial_end,
        "due_at": trial_end or now + policy.TIME_TO_PAY,
        "payment_method_id": cards.uuid_of(method),
        "payment_id": None,
        "payment_state": "none",
        "payment_cause": "",
    }


def purpose(price: str, number: int) -> str:
    """What a payment is for, as staff and the provider read it."""
    return f"{price}, period {number}"


def sold(product: str, price: str, amount: Money, number: int) -> tuple[ChargeLine, ...]:
    """The one line of a period's payment."""
    return (ChargeLine(product=product, price=price, description=purpose(price, number), net=amount),)


async def _charge(frame: Frame, before: Held, card: str | None, *, cause: str, **values: Any) -> Subscription:
    method = await (cards.chosen(frame, before.member, card) if card else cards.usable(frame, before.payment_method_id))
    if method is None:
        raise CardRequired(price=before.price)
    number = before.boundary + 1
    payment = await payments.charge(
        frame, method, amount=before.amount, purpose=purpose(before.price, number), source=before.id,
        lines=sold(before.product, before.price, before.amount, number),
    )  # fmt: skip
    return (await moves.change(frame, before, "charged", **values, **moves.charged(payment, cause))).shown()


def _anew(frame: Frame, before: Held) -> dict[str, Any]:
    status = policy.moved(before.id, before.status, "charge")
    now = frame.now
    times = {"anchor": now, "boundary": 0, "period_start": now, "period_end": now, "due_at": now + policy.TIME_TO_PAY}
    return {"status": status, "paused_at": None, **times}


async def _end(frame: Frame, before: Held, status: Status) -> Held:
    return await moves.change(
        frame, before, "canceled", status=status, ended_at=frame.now, due_at=None, cancel_at_period_end=False
    )


def _charges_next(held: Held) -> bool:
    waiting = held.status in BILLABLE and not held.cancel_at_period_end and held.payment_method_id is not None
    return waiting and (held.status != "past_due" or policy.tries_again(held.failures, held.payment_failure))
