"""The support page of a member: what other areas know of them, put together in this one place."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from rtp.db.frame import Frame
from rtp.payments import service as payments
from rtp.refunds import service as refunds
from rtp.subscriptions import service as subscriptions
from rtp.subscriptions.schemas import Service
from rtp.users import repository, service
from rtp.users.schemas import NextCharge, PaymentLine, RefundLine, User, UserDetail

L = TypeVar("L", PaymentLine, RefundLine)
SHOWN = 20
"""Payments and refunds on the page; `rtp payments list --user` has them all."""


async def show(frame: Frame, key: str) -> UserDetail:
    """Everything that support needs of a member: services and why each is open, the next charge, notes.

    Raises: UserNotFound.
    """
    user = await service.resolve(frame, key)
    user_id = service.number(user)
    services = [_seen(user, one) for one in await subscriptions.services_of(frame, user_id)]
    return UserDetail(
        **msgspec.structs.asdict(user),
        services=services,
        next_charge=_next_charge(services),
        payments=[_short(item, PaymentLine) for item in await payments.newest(frame, user_id, SHOWN)],
        refunds=[_short(item, RefundLine) for item in await refunds.newest(frame, user_id, SHOWN)],
        notes=await repository.notes_of(frame, user_id),
    )


def _next_charge(services: list[Service]) -> NextCharge | None:
    due = [
        NextCharge(at=one.next_charge_at, amount=one.next_charge, price=one.price)
        for one in services
        if one.next_charge_at is not None and one.next_charge is not None
    ]
    return min(due, key=lambda charge: charge.at, default=None)


def _short(item: object, line: type[L]) -> L:
    """The fields of a line, taken from the whole."""
    return line(**{field: getattr(item, field) for field in line.__struct_fields__})


def _seen(user: User, one: Service) -> Service:
    """A suspended member's services are closed, whatever is paid for."""
    if user.status == "suspended" and one.open:
        return msgspec.structs.replace(one, open=False, why="user_suspended", until=None)
    return one
