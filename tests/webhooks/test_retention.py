"""What is over is kept as long as a setting says: received webhooks, and deliveries; never what still has to act."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.errors import InvalidInput
from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.kit.clock import FixedClock, to_text
from rtp.settings import Settings, load
from rtp.testing import asgi, webhooks
from rtp.webhooks import endpoints, received_jobs, received_policy, resending, sent_jobs, troubles
from rtp.webhooks.errors import WebhookResendForgotten
from rtp.webhooks.schemas import Resend
from tests.webhooks.conftest import Waiting
from tests.webhooks.receivers import receiving
from tests.webhooks.sent import Post


@pytest.fixture
def clock() -> FixedClock:
    """Ids are always of the real time, so the pinned clock begins there, too."""
    return FixedClock(datetime.now(UTC))


def context(frames: Frames, **values: Any) -> Context:
    return Context(frames, Settings(**values), trace.start(), "tests.retention")


async def kept(frames: Frames) -> list[str]:
    async with frames.database.reading() as connection:
        rows = await connection.execute(text("SELECT event_id FROM webhooks_received ORDER BY id"))
        return [row.event_id for row in rows]


async def swept(frames: Frames) -> list[dict[str, Any]]:
    """What the audit says of it."""
    async with frames.database.reading() as connection:
        rows = await connection.execute(
            text(
                "SELECT changes -> 'summary' AS summary FROM audit WHERE operation = 'job:tests.retention' ORDER BY id"
            )
        )
        return [row.summary for row in rows]


async def told(frames: Frames, app: asgi.App, waiting: Waiting, count: int) -> list[str]:
    """Events of charges that were kept and had their effect."""
    ids: list[str] = []
    for _ in range(count):
        _, charge = await waiting.payment()
        event = webhooks.event(charge, id=f"evt_{len(ids)}")
        async with asgi.client(app) as provider:
            assert (await webhooks.post(provider, event)).status_code == 200
        ids.append(event.id)
    await waiting.work()
    return ids


async def test_received_webhooks_go_when_they_are_as_old_as_the_setting_says_in_chunks_and_it_is_audited(
    frames: Frames, app: asgi.App, waiting: Waiting, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received_jobs, "CHUNK", 2)
    ids = await told(frames, app, waiting, 5)
    clock.instant += timedelta(days=39, hours=23)
    await received_jobs.sweep(context(frames, keep_received_days=40))
    assert await kept(frames) == ids
    clock.instant += timedelta(hours=2)
    await received_jobs.sweep(context(frames, keep_received_days=40))
    assert await kept(frames) == []
    assert [one["deleted"] for one in await swept(frames)] == [2, 2, 1]
    before = (clock.instant - timedelta(days=40)).isoformat()
    assert {one["before"][:19] for one in await swept(frames)} == {before[:19]}


async def test_what_has_not_had_its_effect_is_kept_however_old_it_is(
    frames: Frames, app: asgi.App, waiting: Waiting, clock: FixedClock
) -> None:
    ids = await told(frames, app, waiting, 4)
    async with frames.database.writing() as connection:
        for event, state in zip(ids, ("received", "failed", "ignored", "processed"), strict=True):
            change = text("UPDATE webhooks_received SET state = :state WHERE event_id = :event")
            await connection.execute(change, {"state": state, "event": event})
        await connection.commit()
    clock.instant += timedelta(days=400)
    await received_jobs.sweep(context(frames))
    assert await kept(frames) == ids[:2]


async def test_an_event_that_comes_again_after_it_was_forgotten_has_no_second_effect(
    frames: Frames, app: asgi.App, api: httpx.AsyncClient, waiting: Waiting, clock: FixedClock
) -> None:
    payment, charge = await waiting.payment()
    event = webhooks.event(charge)
    await webhooks.post(api, event)
    await waiting.work()
    clock.instant += timedelta(days=91)
    before = await counted(frames)
    await received_jobs.sweep(context(frames))
    assert await kept(frames) == []
    again = await webhooks.post(api, event)
    assert (again.status_code, again.json()["duplicate"]) == (200, False)
    await waiting.work()
    assert await counted(frames) == before
    shown = (await api.get(f"/v1/webhooks/received/{event.id}")).json()
    assert shown["state"] == "processed"
    assert (await api.get(f"/v1/payments/{payment.id}")).json()["captured"]["amount"] == 10_000
    assert (await api.get("/v1/ledger/check")).json()["state"] == "held"


async def counted(frames: Frames) -> tuple[int, int]:
    """How much the books and the events about payments hold."""
    async with frames.database.reading() as connection:
        entries = (await connection.execute(text("SELECT count(*) FROM ledger"))).scalar_one()
        events = await connection.execute(text("SELECT count(*) FROM events WHERE type = 'payment.succeeded'"))
        return entries, events.scalar_one()


async def test_deliveries_go_after_their_own_setting_and_what_is_pending_stays(
    frames: Frames, api: httpx.AsyncClient, clock: FixedClock
) -> None:
    post = Post(frames, api)
    async with receiving() as receiver:
        made = await post.endpoint(receiver.url)
        for _ in range(2):
            await post.happen("user.created")
        await post.relay()
        await post.send()
        receiver.says(503)
        await post.happen("user.created")
        await post.relay()
    assert [one["state"] for one in await post.deliveries()] == ["succeeded", "succeeded", "pending"]
    clock.instant += timedelta(days=10, hours=1)
    await sent_jobs.sweep(context(frames, keep_deliveries_days=11))
    assert len(await post.deliveries(endpoint=made.id)) == 3
    await sent_jobs.sweep(context(frames, keep_deliveries_days=10))
    assert [one["state"] for one in await post.deliveries()] == ["pending"]
    assert [one["deleted"] for one in await swept(frames) if one] == [2]


async def test_more_deliveries_than_one_transaction_forgets_go_together(
    frames: Frames, api: httpx.AsyncClient, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_jobs, "CHUNK", 2)
    post = Post(frames, api)
    async with receiving() as receiver:
        await post.endpoint(receiver.url)
        for _ in range(5):
            await post.happen("user.created")
        await post.relay()
        await post.send()
    clock.instant += timedelta(days=8)
    await sent_jobs.sweep(context(frames, keep_deliveries_days=7))
    assert await post.deliveries() == []
    assert [one["deleted"] for one in await swept(frames) if one] == [2, 2, 1]


async def test_what_was_brought_and_forgotten_is_not_taken_for_missed(
    frames: Frames, api: httpx.AsyncClient, clock: FixedClock
) -> None:
    post = Post(frames, api)
    async with receiving() as receiver:
        made = await post.endpoint(receiver.url)
        await post.happen("user.created", "usr_taken")
        await post.relay()
        await post.send()
        clock.instant += timedelta(days=8)
        await sent_jobs.sweep(context(frames, keep_deliveries_days=7))
        assert await post.deliveries() == []
        with pytest.raises(WebhookResendForgotten) as refusal:
            await post.write(resending.resend, Resend(endpoint=made.id, since="9d"))
        known = to_text(clock.instant - timedelta(days=6, hours=23))
        assert refusal.value.problem().hint == f"rtp webhooks resend --endpoint {made.id} --since {known}"
        assert (await post.write(resending.resend, Resend(endpoint=made.id, since=known))).count == 0
        late = await post.endpoint(receiver.url)
        assert (await post.write(resending.resend, Resend(endpoint=late.id, since="9d"))).count == 1
        assert await post.send() == 1
        assert len(receiver.requests) == 2


async def test_what_an_endpoint_missed_for_longer_than_a_week_is_still_sent_by_the_command_that_is_told(
    frames: Frames, api: httpx.AsyncClient, clock: FixedClock
) -> None:
    post = Post(frames, api)
    async with receiving() as receiver:
        made = await post.endpoint(receiver.url)
        receiver.says(410)
        await post.happen("user.created")
        clock.instant += timedelta(seconds=3)
        await post.relay()
        await post.send()
        clock.instant += timedelta(days=8)
        async with post.writing() as frame:
            [trouble] = await troubles.found(frame)
        await post.write(endpoints.enable, made.id)
        receiver.says(200)
        since = trouble.mend.rpartition(" ")[2]
        assert (await post.write(resending.resend, Resend(endpoint=made.id, since=since))).count == 1
        assert await post.send() == 1


@pytest.mark.parametrize(
    "name, days", [("keep_received_days", 30), ("keep_deliveries_days", 6), ("keep_requests_days", 0)]
)
def test_a_setting_that_would_forget_too_early_is_refused(name: str, days: int) -> None:
    with pytest.raises(InvalidInput, match="settings"):
        load({f"RTP_{name.upper()}": str(days)})


def test_what_is_kept_by_default_outlives_every_redelivery() -> None:
    settings = msgspec.to_builtins(Settings())
    assert settings["keep_received_days"] > received_policy.REDELIVERED.days
