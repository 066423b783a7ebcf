"""What is refused of disputes: another currency than the payment's, and an answer that can have no effect any more."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rtp.kit.money import Money
from rtp.testing import webhooks
from tests.disputes.objections import Objections


@pytest.mark.parametrize("part", ["amount", "fee"])
async def test_a_dispute_in_another_currency_than_its_payment_is_not_taken_in(desk: Objections, part: str) -> None:
    payment = await desk.pay((1000, 250))
    told = desk.provider.open_dispute(payment.id)
    changes: dict[str, Any] = {part: Money(1000, "EUR")}
    event = webhooks.event(msgspec.structs.replace(told, **changes), type="dispute.opened")
    key = (await desk.post(event)).json()["id"]
    await webhooks.process(desk.frames, desk.provider, key)
    kept = await desk.read(f"webhooks/received/{key}")
    assert (kept["state"], kept["error_code"]) == ("failed", "dispute_currency_differs")
    assert (await desk.read("disputes"))["items"] == []
    assert (await desk.payment(payment))["disputed"] is False
    await desk.books_hold()


async def test_what_was_given_up_is_not_given_up_again(desk: Objections) -> None:
    payment = await desk.pay((1000, 0))
    key = await desk.object(payment)
    codes = [(await desk.do(f"disputes/{key}/accept")).json().get("code") for _ in range(2)]
    await desk.work()
    codes.append((await desk.do(f"disputes/{key}/accept")).json().get("code"))
    assert codes == [None, "dispute_answered", "illegal_dispute_move"]
    await desk.work()
    assert [name for kind, name in desk.provider.book.record.calls if kind == "accept"] == [f"{key}:1"]
    await desk.books_hold()
