"""A refund that failed after it had succeeded: believed only when the provider is asked, and booked once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit.clock import FixedClock
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderEvent
from rtp.payments.schemas import Payment
from rtp.refunds import settling
from rtp.refunds.schemas import Refund
from rtp.sandbox.schemas import Control
from rtp.testing import webhooks
from tests.webhooks.conftest import Waiting

Show = Callable[[str], Any]
LATE = Control(refund_failure="card_account_closed", refund_fails_after_ms=86_400_000)


@pytest.fixture
def provider(clock: FixedClock) -> FakeProvider:
    return FakeProvider(clock)


async def returned(waiting: Waiting, *, amount: int = 2_500) -> tuple[Payment, Refund]:
    """A captured payment of 100.00, and a refund of it that succeeded on both sides and will fail tomorrow."""
    payment, _ = await waiting.captured()
    await waiting.provider.steer(LATE)
    made, given = await waiting.refund(payment, amount=amount)
    await waiting.provider.steer(Control())
    async with waiting.writing() as frame:
        return payment, await settling.settle(frame, made.id, given)


def failure(provider: FakeProvider, refund: Refund) -> ProviderEvent:
    """What the provider tells of it at last."""
    [event] = [one for one in provider.events() if one.type == "refund.failed" and one.subject.key == refund.id]
    return event


async def test_a_refund_that_fails_after_it_succeeded_frees_its_amount_and_is_mirrored_in_the_ledger(
    api: httpx.AsyncClient, frames: Frames, clock: FixedClock, provider: FakeProvider, waiting: Waiting, show: Show
) -> None:
    payment, refund = await returned(waiting)
    assert (refund.state, (await show(f"payments/{payment.id}"))["refunded"]["amount"]) == ("succeeded", 2_500)
    clock.instant += timedelta(days=2)
    event = failure(provider, refund)
    assert (await webhooks.post(api, event)).status_code == 200
    await waiting.work()
    [kept] = (await show("webhooks/received"))["items"]
    assert (kept["state"], kept["outcome"]) == ("processed", "refund failed after it had succeeded")
    now = await show(f"refunds/{refund.id}")
    assert (now["state"], now["failure_reason"]) == ("failed", "card_account_closed")
    assert (await show(f"payments/{payment.id}"))["refundable"]["amount"] == 10_000
    assert (await show("ledger/check"))["state"] == "held"
    [told] = (await show(f"events?aggregate={refund.id}&type=refund.failed"))["items"]
    assert (told["payload"]["before"]["state"], told["payload"]["after"]["state"]) == ("succeeded", "failed")
    again = await api.post(f"/v1/refunds/{refund.id}/retry", headers={"Idempotency-Key": "anew"})
    assert (again.status_code, again.json()["retry_of"]) == (200, refund.id)
    await waiting.work()
    assert (await show(f"refunds/{again.json()['id']}"))["state"] == "succeeded"
    assert (await show("ledger/check"))["state"] == "held"


async def test_a_late_failure_that_the_provider_does_not_confirm_moves_nothing(
    api: httpx.AsyncClient, clock: FixedClock, provider: FakeProvider, waiting: Waiting, show: Show
) -> None:
    payment, refund = await returned(waiting)
    clock.instant += timedelta(days=2)
    event = failure(provider, refund)
    made = provider.book.record.refunds[refund.id]
    stands = msgspec.structs.replace(made.refund, state="succeeded", failure_reason="")
    provider.book.record.refunds[refund.id] = msgspec.structs.replace(made, refund=stands)
    assert (await webhooks.post(api, event)).status_code == 200
    await waiting.work()
    assert (await show(f"refunds/{refund.id}"))["state"] == "succeeded"
    assert (await show(f"payments/{payment.id}"))["refundable"]["amount"] == 7_500


@pytest.mark.parametrize("differing", ["amount", "reference"])
async def test_a_late_failure_of_another_object_under_its_key_is_not_booked(
    api: httpx.AsyncClient, clock: FixedClock, provider: FakeProvider, waiting: Waiting, show: Show, differing: str
) -> None:
    payment, refund = await returned(waiting)
    clock.instant += timedelta(days=2)
    event = failure(provider, refund)
    made = provider.book.record.refunds[refund.id]
    changes: dict[str, Any] = {"amount": {"amount": refund.amount + refund.amount}, "reference": {"ref": "re_another"}}
    other = msgspec.structs.replace(made.refund, **changes[differing])
    provider.book.record.refunds[refund.id] = msgspec.structs.replace(made, refund=other)
    key = (await webhooks.post(api, event)).json()["id"]
    await webhooks.process(waiting.frames, provider, key)
    failed = await show(f"webhooks/received/{key}")
    assert (failed["state"], failed["error_code"]) == ("failed", "webhook_contradicts")
    assert (await show(f"refunds/{refund.id}"))["state"] == "succeeded"
    assert (await show(f"payments/{payment.id}"))["refundable"]["amount"] == 7_500


@pytest.mark.parametrize("state", ["succeeded", "pending"])
async def test_money_comes_back_by_nothing_but_a_failure_that_the_provider_was_asked_about(
    provider: FakeProvider, waiting: Waiting, show: Show, state: Any
) -> None:
    payment, refund = await returned(waiting)
    asked = msgspec.structs.replace(provider.book.record.refunds[refund.id].refund, state=state)
    async with waiting.writing() as frame:
        assert (await settling.come_back(frame, refund.id, asked)).version == refund.version
    assert (await show(f"payments/{payment.id}"))["refundable"]["amount"] == 7_500


async def test_a_late_failure_that_is_taken_in_again_changes_nothing(
    clock: FixedClock, provider: FakeProvider, waiting: Waiting
) -> None:
    _, refund = await returned(waiting)
    clock.instant += timedelta(days=2)
    asked = await provider.retrieve_refund_by_key(refund.id)
    assert asked is not None
    versions = []
    for _ in range(2):
        async with waiting.writing() as frame:
            versions.append((await settling.come_back(frame, refund.id, asked)).version)
    assert versions == [refund.version + 1] * 2
    assert await _mirrors(waiting, refund) == 1


async def test_late_failures_told_twice_and_at_once_are_mirrored_once(
    api: httpx.AsyncClient, frames: Frames, clock: FixedClock, provider: FakeProvider, waiting: Waiting, show: Show
) -> None:
    payment, refund = await returned(waiting)
    clock.instant += timedelta(days=2)
    event = failure(provider, refund)
    twin = msgspec.structs.replace(event, id="evt_twin")
    answers = await asyncio.gather(*(webhooks.post(api, one) for one in [event, twin] * 3))
    keys = sorted({answer.json()["id"] for answer in answers})
    assert len(keys) == 2
    await asyncio.gather(*(webhooks.process(frames, provider, key) for key in keys * 3))
    kept = [await show(f"webhooks/received/{key}") for key in keys]
    assert {one["state"] for one in kept} == {"processed"}, "the second is told that nothing is new"
    await waiting.work()
    assert (await show(f"refunds/{refund.id}"))["state"] == "failed"
    assert (await show(f"payments/{payment.id}"))["refundable"]["amount"] == 10_000
    assert await _mirrors(waiting, refund) == 1
    assert (await show("ledger/check"))["state"] == "held"


async def test_a_late_word_of_success_does_not_bring_back_what_failed_late(
    api: httpx.AsyncClient, clock: FixedClock, provider: FakeProvider, waiting: Waiting, show: Show
) -> None:
    _, refund = await returned(waiting)
    clock.instant += timedelta(days=2)
    for type in ("refund.failed", "refund.succeeded"):
        [event] = [one for one in provider.events() if one.type == type]
        assert (await webhooks.post(api, event)).status_code == 200
        await waiting.work()
    assert (await show(f"refunds/{refund.id}"))["state"] == "failed"
    assert {one["state"] for one in (await show("webhooks/received"))["items"]} == {"processed"}


async def _mirrors(waiting: Waiting, refund: Refund) -> int:
    query = text(
        "SELECT count(DISTINCT l.transaction_id) AS times FROM ledger l JOIN events e ON e.type = 'refund.failed' "
        "WHERE l.kind = 'refund.released' AND e.aggregate_id = :key"
    )
    async with waiting.writing() as frame:
        row = await frame.first(query, {"key": refund.id})
    return int(row.times) if row else 0
