"""What went wrong on the platform before this one, each as a test that fails on that behaviour."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.payments import service as payments
from rtp.payments.fakes import FakeProvider
from rtp.subscriptions import jobs as subscription_jobs
from rtp.testing import money, relay, webhooks
from rtp.testing.servers import Cloned
from rtp_server import work
from tests.webhooks.conftest import JOBS, Waiting

BROKEN = """
CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of order'; END; $$;
CREATE TRIGGER broken BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION broken();
"""
MENDED = "DROP TRIGGER broken ON ledger; DROP FUNCTION broken();"
CATALOG: dict[str, Any] = {
    "products": [
        {
            "key": "room", "name": "Room", "kind": "room",
            "prices": [{"key": "room-monthly", "amount": {"amount": 19_700, "currency": "USD"}, "interval": "month"}],
        }
    ]
}  # fmt: skip


async def test_two_partial_refunds_told_of_in_any_order_are_counted_once_each_and_never_as_a_running_total(
    api: httpx.AsyncClient, waiting: Waiting
) -> None:
    """A refund's event carried the provider's running total, and that was added to what was stored: counted double."""
    paid, _ = await waiting.captured(amount=10_000)
    _, first = await waiting.refund(paid, amount=2_000)
    _, second = await waiting.refund(paid, amount=3_000)
    events = [webhooks.event(one) for one in (second, first)]
    for told in (*events, *events):
        assert (await webhooks.post(api, told)).status_code == 200
        await waiting.work()
    shown = (await api.get(f"/v1/payments/{paid.id}")).json()
    assert (shown["refunded"]["amount"], shown["refundable"]["amount"]) == (5_000, 5_000)
    # A total under one refund's key is no news about that refund: neither taken for its amount nor added to it.
    total = msgspec.structs.replace(second, amount=first.amount + second.amount)
    told = webhooks.event(total)
    await webhooks.post(api, told)
    await waiting.work()
    again = (await api.get(f"/v1/payments/{paid.id}")).json()
    assert again["refunded"]["amount"] == 5_000
    assert (await api.get("/v1/ledger/check")).json()["state"] == "held"


async def test_an_event_whose_effect_fails_half_way_leaves_nothing_and_gives_the_access_when_it_is_tried_again(
    api: httpx.AsyncClient, frames: Frames, provider: FakeProvider, waiting: Waiting, database: Cloned
) -> None:
    """An order was paid, the step after it failed, and the event counted as processed: money taken, no access given."""
    subscription = await subscribed(api)
    key = subscription["payment_id"]
    async with waiting.writing() as frame:
        await frame.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'payments.submit'"))
        asked = await payments.submit(frame, key)
    assert asked is not None
    charge = await provider.charge(key, asked.amount, "card_visa", asked.purpose)
    taken = (await webhooks.post(api, webhooks.event(charge))).json()["id"]
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(BROKEN)
        with pytest.raises(Exception, match="out of order"):
            await webhooks.process(frames, provider, taken)
        owner.execute(MENDED)
    failed = (await api.get(f"/v1/webhooks/received/{taken}")).json()
    assert (failed["state"], failed["error_code"], failed["processed_at"]) == ("failed", "unexpected", None)
    assert "out of order" not in failed["error"]
    assert (await api.get(f"/v1/payments/{key}")).json()["state"] == "submitted"
    assert (await api.post(f"/v1/webhooks/received/{taken}/retry")).status_code == 200
    await settled(frames, provider)
    assert (await api.get(f"/v1/webhooks/received/{taken}")).json()["outcome"] == "payment succeeded"
    assert (await api.get(f"/v1/subscriptions/{subscription['id']}")).json()["status"] == "active"
    [open_now] = (await api.get("/v1/entitlements", params={"user": "ada@example.com"})).json()["items"]
    assert open_now["open"] is True


async def subscribed(api: httpx.AsyncClient) -> dict[str, Any]:
    """A subscription whose first charge was asked for."""
    assert (await api.put("/v1/catalog", json=CATALOG)).status_code == 200
    await api.post("/v1/users", json={"email": "ada@example.com", "name": "Ada"})
    body = {"user": "ada@example.com", "price": "room-monthly", "card": "visa"}
    made = await api.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": "s1"})
    assert made.status_code == 201, made.text
    subscription: dict[str, Any] = made.json()
    return subscription


async def settled(frames: Frames, provider: FakeProvider) -> None:
    """Run jobs and relay events until nothing is left."""
    jobs = (*JOBS, *(spec for spec in subscription_jobs.JOBS if not spec.cron))
    for _ in range(5):
        await money.run_jobs(frames, provider, jobs)
        if not await relay.once(frames, work.consumers({})):
            return
