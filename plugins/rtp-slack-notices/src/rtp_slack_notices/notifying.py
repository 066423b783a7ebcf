"""From events to notices: a consumer that queues, and a job that sends."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from rtp.db.frame import Frame
from rtp.db.records import effects
from rtp.events.relay import Consumer
from rtp.events.schemas import Event
from rtp.jobs.policy import Backoff
from rtp.jobs.spec import Context, JobSpec
from rtp.plugins import repository
from rtp_slack_notices import policy, sending, service
from rtp_slack_notices.schemas import PLUGIN, Kept


async def queue(frame: Frame, events: Sequence[Event]) -> None:
    """Queue a notice for each event since the notices were switched on."""
    kept, _ = await repository.load(frame, PLUGIN, Kept)
    if not kept.enabled or kept.since is None:
        return
    for event in events:
        if event.timestamp >= kept.since:
            text = policy.notice(event.type, event.payload["after"])
            frame.enqueue(service.JOB, lock=event.aggregate_id, key=event.id, text=text)


async def send(context: Context, key: str, text: str) -> None:
    """Send one notice, unless it was sent before; its key is the event's."""
    effect = f"slack_notices:{key}"
    async with context.reading() as frame:
        kept, _ = await repository.load(frame, PLUGIN, Kept)
        sent = await frame.first(select(effects.c.key).where(effects.c.key == effect))
    if sent is not None or not kept.url:
        return
    await sending.post(kept.url, text, key, loopback=context.settings.environment == "dev")
    async with context.writing() as frame:
        if await frame.once(effect):
            frame.record("slack_notice.sent", key, 1, after={"webhook": policy.shown(kept.url)})


CONSUMERS = (Consumer("refunds", policy.EVENTS.__contains__, inside=queue),)
JOBS = (JobSpec(service.JOB, send, backoff=Backoff(delay=2.0, retries=11, cap=900.0)),)
