"""From a refund's event to one notice in the channel."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.events.schemas import Event
from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.settings import Settings
from rtp.testing.plugin import INSTANT, OpenFrame
from rtp_slack_notices import notifying, service
from rtp_slack_notices.errors import NoWebhook, WebhookAway, WebhookNotAllowed
from rtp_slack_notices.schemas import UpdateSlackNotices

REFUND = {
    "id": "rfd_01",
    "payment_id": "pay_01",
    "amount": {"amount": 2500, "currency": "USD"},
    "reason": "duplicate",
    "failure_reason": "",
}


def event(number: int, type: str = "refund.succeeded", seconds: float = 0) -> Event:
    return Event(
        id=f"evt_{number}", type=type, aggregate_id="rfd_01", version=3, metadata={},
        timestamp=INSTANT + timedelta(seconds=seconds), payload={"before": None, "after": REFUND},
    )  # fmt: skip


def context(frames: Frames, environment: Any = "dev") -> Context:
    return Context(frames=frames, settings=Settings(environment=environment), trace=trace.start(), name=service.JOB)


async def test_notices_are_queued_for_what_happens_after_they_were_switched_on(frame: Frame) -> None:
    await notifying.queue(frame, [event(0)])
    await service.update(frame, UpdateSlackNotices(url="https://hooks.slack.com/services/secret"))
    await notifying.queue(frame, [event(1)])
    await service.update(frame, UpdateSlackNotices(enabled=True))
    await notifying.queue(frame, [event(2, seconds=-1), event(3), event(4, "refund.failed", seconds=5)])
    assert [job.args["key"] for job in frame.jobs] == ["evt_3", "evt_4"]
    await service.update(frame, UpdateSlackNotices(enabled=False))
    await notifying.queue(frame, [event(5, seconds=9)])
    assert len(frame.jobs) == 2


async def test_a_notice_is_sent_once_however_often_its_job_runs(
    frames: Frames, writing: OpenFrame, webhook: Any
) -> None:
    async with writing() as frame:
        await service.update(frame, UpdateSlackNotices(url=webhook.url, enabled=True))
    webhook.statuses = [503]
    with pytest.raises(WebhookAway):
        await notifying.send(context(frames), "evt_1", "hello")
    for _ in range(3):
        await notifying.send(context(frames), "evt_1", "hello")
    assert [headers["idempotency-key"] for headers in webhook.headers] == ["evt_1", "evt_1"]
    async with writing() as frame:
        found = await frame.all(text("SELECT type FROM events WHERE type LIKE 'slack_notice.%'"))
    assert len(found) == 1


async def test_the_loopback_is_no_webhook_outside_of_dev(
    frames: Frames, writing: OpenFrame, webhook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with writing() as frame:
        await service.update(frame, UpdateSlackNotices(url=webhook.url, enabled=True))
    with pytest.raises(WebhookNotAllowed):
        await notifying.send(context(frames, "prod"), "evt_1", "hello")
    monkeypatch.setenv("RTP_ENVIRONMENT", "prod")
    async with writing() as frame:
        with pytest.raises(WebhookNotAllowed):
            await service.update(frame, UpdateSlackNotices(url=webhook.url))
    assert webhook.posts == []


async def test_the_url_is_in_nothing_that_is_recorded(writing: OpenFrame) -> None:
    async with writing() as frame:
        shown = await service.update(frame, UpdateSlackNotices(url="https://hooks.slack.com/services/secret"))
        await service.check(frame)
    assert shown.webhook == "https://hooks.slack.com/…"
    async with writing() as frame:
        for table in ("audit", "events", "procrastinate_jobs"):
            rows = await frame.all(text(f"SELECT t::text AS line FROM {table} t"))
            assert rows
            assert not [row.line for row in rows if "secret" in row.line]


async def test_nothing_can_be_switched_on_or_tried_without_a_webhook(frame: Frame) -> None:
    for call in (service.update(frame, UpdateSlackNotices(enabled=True)), service.check(frame)):
        with pytest.raises(NoWebhook):
            await call
