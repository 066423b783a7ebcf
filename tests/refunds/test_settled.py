"""What has ended stays as it ended: whatever the provider's late answers say, but for money that came back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rtp.kit import trace
from rtp.permissions import WORKER
from rtp.refunds import settling
from tests.refunds.desk import Desk


@pytest.mark.parametrize("ended", ["succeeded", "failed", "canceled"])
@pytest.mark.parametrize("said", ["succeeded", "failed", "pending", "refused"])
async def test_no_late_answer_moves_a_refund_that_has_ended(desk: Desk, ended: str, said: Any) -> None:
    payment = await desk.pay()
    refund = await desk.refunded(payment, amount=4_000)
    if ended == "canceled":
        assert (await desk.decide(refund["id"], "cancel")).status_code == 200
    desk.provider.says = "failed" if ended == "failed" else ""
    await desk.work()
    before = await desk.show(refund["id"])
    assert before["state"] == ended
    made = await desk.provider.refund("another", payment.provider_ref or "", payment.amount, "duplicate")
    about: dict[str, Any] = {"operation": "tests.tell", "principal": WORKER, "trace": trace.start()}
    async with desk.frames.writing(**about) as frame:
        if said == "refused":
            await settling.refused(frame, refund["id"])
        else:
            await settling.settle(frame, refund["id"], msgspec.structs.replace(made, key=refund["id"], state=said))
    assert await desk.show(refund["id"]) == before
    assert (await desk.payment(payment))["refundable"]["amount"] == (6_000 if ended == "succeeded" else 10_000)
    await desk.books_hold()
