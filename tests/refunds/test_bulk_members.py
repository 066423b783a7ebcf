"""Two people carry out files about the same members in another order: neither waits for the other in a circle."""

from __future__ import annotations

import asyncio
from typing import Any

from rtp.kit import trace
from rtp.payments.schemas import Payment
from rtp.permissions import Principal
from rtp.refund_bulks import steps
from tests.refunds import bulks
from tests.refunds.desk import Desk

STAFF = [Principal(id=f"stf_{name}", name=f"{name}@example.com", role="operator", kind="staff") for name in "xy"]


async def test_two_files_about_the_same_members_in_another_order_are_both_carried_out(desk: Desk) -> None:
    await desk.rules(members=[{"currency": "USD", "month": 10_000_000}])
    ada, bob = desk.member(), desk.member()
    first = [await desk.pay(email=email) for email in (ada, bob) * 4]
    second = [await desk.pay(email=email) for email in (ada, bob) * 4]
    files = [[*first[0::2], *second[1::2]], [*first[1::2], *second[0::2]]]
    plans = [await bulks.planned(desk.api, [row(payment) for payment in payments]) for payments in files]

    async def issue(who: Principal, plan: str) -> None:
        about: dict[str, Any] = {"operation": "tests.issue", "principal": who, "trace": trace.start()}
        async with desk.frames.writing(**about) as frame:
            await steps.issue_chunk(frame, plan)

    await asyncio.gather(*(issue(who, plan["id"]) for who, plan in zip(STAFF, plans, strict=True)))
    for plan in plans:
        assert {one["state"] for one in await bulks.rows_of(desk.api, plan["id"])} == {"issued"}
    await desk.books_hold()


def row(payment: Payment) -> dict[str, str]:
    return {"payment": payment.id, "amount": "1.00"}
