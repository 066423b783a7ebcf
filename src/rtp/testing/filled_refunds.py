"""Refunds of a filled platform: one that waits for a second person, one that failed."""

from __future__ import annotations

import uuid
from typing import Any

from rtp.client import Client, Target
from rtp.refunds import schemas
from rtp.refunds.schemas import IssueRefund
from rtp.staff import schemas as staff
from rtp.staff.schemas import CreateStaff
from rtp.subscriptions import schemas as subscriptions
from rtp.subscriptions.schemas import CreateSubscription
from rtp.testing.filled import PRICE, Filled
from rtp.testing.waiting import eventually
from rtp.tokens import schemas as tokens
from rtp.tokens.schemas import CreateToken

DEAR = "explosive-swings-annual"
"""A price so high that a part of it needs a second person by the shipped policy."""


def waiting(filled: Filled) -> str:
    """The id of a refund that a colleague issued and that nobody has approved yet."""
    email = filled.e_mail()
    filled.write(staff.CREATE, CreateStaff(email=email, name="A Colleague", role="operator"))
    token = filled.write(tokens.CREATE, CreateToken(name="of a test", role="operator", staff=email)).token
    body = IssueRefund(reason="goodwill", amount=30_000)
    with Client(Target(name="test", url=filled.platform.url, token=token)) as client:
        made: Any = client.write(schemas.ISSUE, body, key=f"filled-{uuid.uuid4()}", at={"payment": _paid(filled, DEAR)})
    return str(made.value.id)


def failed(filled: Filled) -> str:
    """The id of a refund that the provider turned down."""
    payment = _paid(filled, PRICE, card="refunds-fail")
    made = filled.write(schemas.ISSUE, IssueRefund(reason="goodwill", amount=500), payment=payment)
    eventually("the refund has failed", lambda: filled.client.read(schemas.SHOW, refund=made.id).state == "failed")
    return str(made.id)


def _paid(filled: Filled, price: str, card: str = "visa") -> str:
    """The id of a new member's captured payment."""
    body = CreateSubscription(user=filled.member(), price=price, card=card)
    made = filled.write(subscriptions.CREATE, body)
    show = subscriptions.SHOW
    eventually("it is paid", lambda: filled.client.read(show, subscription=made.id).payment_state == "succeeded")
    return str(made.payment_id)
