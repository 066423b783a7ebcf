"""One file that two people plan and carry out at the same instant: it goes out once."""

from __future__ import annotations

import asyncio

from rtp.testing import money
from tests.refunds import bulks
from tests.refunds.desk import Desk


async def test_two_plans_of_one_file_applied_at_once_are_carried_out_once(desk: Desk) -> None:
    payments = [await desk.pay(email=desk.member()) for _ in range(3)]
    rows = [{"payment": payment.id, "amount": "10.00"} for payment in payments]
    plans = [await bulks.planned(desk.api, rows) for _ in range(4)]
    answers = await asyncio.gather(*(bulks.applied(desk.api, plan["id"], key=plan["id"]) for plan in plans))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"bulk_repeated"}
    await money.run_jobs(desk.frames, desk.provider, bulks.JOBS)
    assert [(await desk.payment(payment))["refunded"]["amount"] for payment in payments] == [1_000] * 3
    await desk.books_hold()
