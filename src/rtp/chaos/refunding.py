"""Refunds for experiments: a member of their own is charged and refunded through the API, like anybody's.

The member is always the same one, so that activities need to hand nothing to each other.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from typing import Any

from rtp.chaos import targets
from rtp.chaos.errors import NothingForSale, RefundsNotSettled
from rtp.chaos.probes import OPEN_STATES, client
from rtp.client import ApiError, Client
from rtp.payments import schemas as payments
from rtp.payments.schemas import Payment
from rtp.products import schemas as products
from rtp.products.schemas import Price
from rtp.refunds import schemas as refunds
from rtp.refunds.schemas import IssueRefund, PreviewRefund
from rtp.subscriptions import schemas as subscriptions
from rtp.subscriptions.schemas import CancelSubscription, CreateSubscription
from rtp.users import schemas as users
from rtp.users.schemas import CreateUser

MEMBER = "experiments@rtp.invalid"
AMOUNT = 100
RECENT = "10m"
"""Refunds of earlier runs are none of this run's business."""
ENDED = frozenset({"canceled", "incomplete_expired"})


def issue_refunds(count: int = 20, price: str = "") -> dict[str, Any]:
    """Charge the experiments' member and accept so many refunds of 1.00 on it.

    Raises: NothingForSale, ApiError.
    """
    count = int(count)
    with client(30.0) as api:
        payment = _payment(api, count * AMOUNT, price)
        body = IssueRefund(amount=AMOUNT, reason="other", note="experiment", again=True)
        for _ in range(count):
            api.write(refunds.ISSUE, body, key=f"chaos-{uuid.uuid4()}", at={"payment": payment.id})
    return {"payment": payment.id, "accepted": count}


def await_refund_in_flight(seconds: float = 10.0) -> dict[str, Any]:
    """Wait until a refund of the experiments' member is with the provider: the moment at which a crash hurts most.

    Raises: RefundsNotSettled when none is any more.
    """
    deadline = time.monotonic() + float(seconds)
    with client() as api:
        while True:
            found = _states(api)
            if found["submitted"]:
                return dict(found)
            if time.monotonic() >= deadline:
                raise _unsettled(found, float(seconds))
            targets.pause(targets.POLL_SECONDS)


def await_refunds(seconds: float = 60.0) -> dict[str, Any]:
    """Wait until every refund of the experiments' member is settled; a failed one is an error as well.

    Raises: RefundsNotSettled.
    """
    deadline = time.monotonic() + float(seconds)
    with client() as api:
        while True:
            found = _states(api)
            if not OPEN_STATES & found.keys():
                break
            if time.monotonic() >= deadline:
                raise _unsettled(found, float(seconds))
            targets.pause(0.25)
    if found["failed"]:
        raise _unsettled(found, float(seconds))
    return dict(found)


def _unsettled(found: Counter[str], seconds: float) -> RefundsNotSettled:
    states = ", ".join(f"{count} {state}" for state, count in sorted(found.items())) or "there are none"
    count = sum(found.values()) - found["succeeded"]
    return RefundsNotSettled(seconds=f"{seconds:g}", count=count, all=sum(found.values()), states=states, user=MEMBER)


def _states(api: Client) -> Counter[str]:
    pages = api.pages(refunds.LIST, user=MEMBER, since=RECENT, limit=500)
    return Counter(str(refund.state) for page in pages for refund in page.items)


def _payment(api: Client, amount: int, price: str) -> Payment:
    """A captured payment of the member with so much left, made by a new subscription where there is none."""
    chosen = price or _price(api).key
    _member(api)
    if (left := _with_left(api, amount)) is not None:
        return left
    for page in api.pages(subscriptions.LIST, user=MEMBER, limit=500):
        for one in page.items:
            if one.status not in ENDED:
                api.write(subscriptions.CANCEL, CancelSubscription(now=True), at={"subscription": one.id})
    body = CreateSubscription(user=MEMBER, price=chosen, card="visa")
    api.write(subscriptions.CREATE, body, key=f"chaos-{uuid.uuid4()}")
    deadline = time.monotonic() + 30.0
    while (made := _with_left(api, amount)) is None:
        if time.monotonic() >= deadline:
            raise NothingForSale(hint=f"rtp payments list --user {MEMBER}")
        targets.pause(0.1)
    return made


def _with_left(api: Client, amount: int) -> Payment | None:
    pages = api.pages(payments.LIST, user=MEMBER, limit=500)
    found = (one for page in pages for one in page.items if one.state == "succeeded")
    return next((one for one in found if one.refundable.amount >= amount and _returned(api, one, amount)), None)


def _returned(api: Client, payment: Payment, total: int) -> bool:
    """Whether the refund policy lets a refund of this payment go out, and all together without a second person."""
    one = api.read(refunds.PREVIEW, PreviewRefund(amount=AMOUNT), payment=payment.id)
    return one.allowed and not api.read(refunds.PREVIEW, PreviewRefund(amount=total), payment=payment.id).approval


def _price(api: Client) -> Price:
    rules = api.read(refunds.POLICY).rules
    kept = {one.product for one in rules.products if not one.refundable} if rules is not None else set()
    for page in api.pages(products.LIST_PRICES, limit=500):
        for price in page.items:
            if price.status == "active" and not price.trial_days and price.product not in kept:
                return price
    raise NothingForSale()


def _member(api: Client) -> None:
    try:
        api.read(users.SHOW, user=MEMBER)
    except ApiError as error:
        if error.problem().code != "user_not_found":
            raise
        api.write(users.CREATE, CreateUser(email=MEMBER, name="Experiments"))
