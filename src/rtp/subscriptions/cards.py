"""The card that a subscription is charged to."""

from __future__ import annotations

import re
from uuid import UUID

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.payments import methods
from rtp.payments.errors import MethodNotFound, MethodNotUsable
from rtp.payments.schemas import PaymentMethod

USABLE = frozenset({"pending", "active"})
OURS = re.compile(r"pm_[0-9A-Za-z]{26}")
"""The form of our own ids; a provider may name its cards `pm_…` too, as Stripe does, in another length."""


async def chosen(frame: Frame, user_id: int, card: str) -> PaymentMethod:
    """The member's card by the id of a payment method, or by the name that the provider knows it by.

    Raises: MethodNotFound, MethodNotUsable.
    """
    if not OURS.fullmatch(card):
        return await methods.use(frame, user_id, card)
    method = await methods.show(frame, card)
    if ids.parse_user(method.user_id) != user_id:
        raise MethodNotFound(key=card)
    if method.state not in USABLE:
        raise MethodNotUsable(key=card, state=method.state)
    return method


async def usable(frame: Frame, method: str | None) -> PaymentMethod | None:
    """The card with this id, None when there is none or it cannot be charged any more."""
    if method is None:
        return None
    found = await methods.show(frame, method)
    return found if found.state in USABLE else None


def uuid_of(method: PaymentMethod | None) -> UUID | None:
    """The id as the tables have it."""
    return None if method is None else ids.parse("pm", method.id)
