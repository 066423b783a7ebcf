"""What a webhook leaves out is asked of the provider before it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import msgspec
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderDispute
from rtp.permissions import LOCAL_OWNER
from rtp.testing import webhooks
from tests.webhooks.conftest import Waiting

Show = Callable[[str], Any]


async def test_a_charge_whose_fee_is_not_told_is_settled_with_the_fee_that_the_provider_has(
    api: httpx.AsyncClient, frames: Frames, waiting: Waiting, show: Show
) -> None:
    payment, charge = await waiting.payment()
    assert charge.fee
    without = msgspec.structs.replace(charge, fee=Money(0, "USD"))
    told = msgspec.structs.replace(webhooks.event(without), partial=True)
    assert (await webhooks.post(api, told)).status_code == 200
    await waiting.work()
    assert (await show(f"payments/{payment.id}"))["state"] == "succeeded"
    async with frames.reading(operation="tests.read", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        booked = await frame.first(text("SELECT sum(amount) FROM ledger WHERE account = 'fees'"))
    assert booked is not None
    assert booked[0] == charge.fee.amount


async def test_a_charge_that_is_settled_is_not_asked_about_because_its_fee_is_not_told(
    api: httpx.AsyncClient, waiting: Waiting, provider: FakeProvider, monkeypatch: Any, show: Show
) -> None:
    _, charge = await waiting.captured()

    async def unasked(key: str) -> None:
        raise AssertionError(f"asked for {key}")

    monkeypatch.setattr(provider, "retrieve_charge_by_key", unasked)
    told = msgspec.structs.replace(webhooks.event(charge), partial=True)
    await webhooks.post(api, told)
    await waiting.work()
    assert (await show(f"webhooks/received/{told.id}"))["outcome"].startswith("nothing new")


async def test_a_dispute_without_our_key_is_found_by_asking_the_provider(
    api: httpx.AsyncClient, waiting: Waiting, provider: FakeProvider, show: Show
) -> None:
    payment, charge = await waiting.captured()
    dispute: ProviderDispute = provider.open_dispute(charge.key)
    told = webhooks.event(msgspec.structs.replace(dispute, key=""), type="dispute.opened")
    await webhooks.post(api, msgspec.structs.replace(told, partial=True))
    await waiting.work()
    assert (await show(f"payments/{payment.id}"))["disputed"] is True
