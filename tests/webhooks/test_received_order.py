"""Events come late, in any order and more than once; whatever comes, the end is the same."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.payments import service as payments
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderEvent
from rtp.permissions import LOCAL_OWNER
from rtp.refunds import service as refunds
from rtp.testing import webhooks
from tests.webhooks.conftest import Waiting

COUNT = 8
"""Events that `told` makes."""
deliveries = st.lists(st.tuples(st.integers(0, COUNT - 1), st.booleans()), max_size=12)
"""Which event is delivered, again perhaps, and whether the worker finds time after it."""


async def told(waiting: Waiting) -> tuple[list[ProviderEvent], dict[str, str]]:
    """Payments and refunds that wait for their outcome, every event there is of them, and where they must end."""
    taken, charge = await waiting.payment(amount=10_000)
    declined, refusal = await waiting.payment(card="declined", amount=7_000)
    paid, earlier = await waiting.captured(amount=9_000)
    returned, given_back = await waiting.refund(paid, amount=2_500)
    second, failing = await waiting.refund(paid, amount=1_500)
    failed = msgspec.structs.replace(failing, state="failed", failure_reason="card_account_closed")
    known = waiting.provider.book.refund_of

    def with_the_failure(key: str) -> Any:
        return failed if key == failed.key else known(key)

    waiting.provider.book.refund_of = with_the_failure  # type: ignore[method-assign]
    events = [
        webhooks.event(charge),
        webhooks.event(refusal),
        webhooks.event(earlier),
        webhooks.event(msgspec.structs.replace(earlier, state="pending"), type="charge.succeeded"),
        webhooks.event(msgspec.structs.replace(given_back, state="pending"), type="refund.pending"),
        webhooks.event(given_back),
        webhooks.event(msgspec.structs.replace(failed, state="pending", failure_reason=""), type="refund.pending"),
        webhooks.event(failed),
    ]
    assert len(events) == COUNT
    ends = {taken.id: "succeeded", declined.id: "failed", paid.id: "succeeded", returned.id: "succeeded",
            second.id: "failed"}  # fmt: skip
    return events, ends


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(COUNT)), extra=deliveries)
async def test_events_in_any_order_and_number_lead_to_the_same_end(
    api: httpx.AsyncClient, frames: Frames, waiting: Waiting, order: list[int], extra: list[tuple[int, bool]]
) -> None:
    await one_order(api, frames, waiting, order, extra)


async def one_order(
    api: httpx.AsyncClient, frames: Frames, waiting: Waiting, order: list[int], extra: list[tuple[int, bool]]
) -> None:
    """Deliver some at random, then each once, and look where it ends."""
    events, ends = await told(waiting)
    for place, (index, now) in enumerate([*extra, *((index, False) for index in order)]):
        answer = await webhooks.post(api, events[index])
        assert answer.status_code == 200, (place, answer.text)
        if now:
            await waiting.work()
    await waiting.work()
    assert await states(frames, ends) == ends
    assert await effects(frames, ends) == {key: 1 for key, state in ends.items() if state == "succeeded"}
    kept = (await api.get("/v1/webhooks/received?state=failed")).json()["items"]
    assert [(item["type"], item["error"]) for item in kept] == []
    assert (await api.get("/v1/ledger/check")).json()["state"] == "held"
    [paid] = [key for key in ends if key.startswith("pay_") and await refunded(api, key)]
    assert await refunded(api, paid) == 2_500


async def refunded(api: httpx.AsyncClient, payment: str) -> int:
    return int((await api.get(f"/v1/payments/{payment}")).json()["refunded"]["amount"])


async def states(frames: Frames, wanted: dict[str, str]) -> dict[str, str]:
    """The states of these payments and refunds."""
    async with frames.reading(operation="tests.read", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        finders: dict[str, Any] = {"pay": payments.find, "rfd": refunds.find}
        return {key: (await finders[key[:3]](frame, key)).state for key in wanted}


async def effects(frames: Frames, wanted: dict[str, str]) -> dict[str, int]:
    """How often each of them succeeded, by the events that tell of it."""
    query = text(
        "SELECT aggregate_id, count(*) AS times FROM events WHERE type IN ('payment.succeeded', 'refund.succeeded') "
        "AND aggregate_id = ANY (:keys) GROUP BY aggregate_id"
    )
    async with frames.reading(operation="tests.read", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        return {str(row.aggregate_id): int(row.times) for row in await frame.all(query, {"keys": list(wanted)})}


async def test_a_race_of_all_events_at_once_ends_like_any_order(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, waiting: Waiting
) -> None:
    events, ends = await told(waiting)
    answers = await asyncio.gather(*(webhooks.post(api, event) for event in events * 3))
    keys = sorted({answer.json()["id"] for answer in answers})
    assert len(keys) == COUNT
    await asyncio.gather(*(webhooks.process(frames, provider, key) for key in keys * 2))
    await waiting.work()
    assert await states(frames, ends) == ends
    assert set((await effects(frames, ends)).values()) == {1}


@pytest.mark.prove("races")
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(COUNT)), extra=deliveries)
async def test_many_more_orders_lead_to_the_same_end(
    api: httpx.AsyncClient, frames: Frames, waiting: Waiting, order: list[int], extra: list[tuple[int, bool]]
) -> None:
    await one_order(api, frames, waiting, order, extra)
