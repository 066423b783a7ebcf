"""The jobs that send webhooks and clear away what is over; and the consumer that turns events into deliveries."""

from __future__ import annotations

from datetime import timedelta

from rtp.jobs.spec import Backoff, Context, JobSpec
from rtp.kit import failpoints
from rtp.kit.clock import to_text
from rtp.webhooks import deliveries, endpoints_repository
from rtp.webhooks import deliveries_repository as repository
from rtp.webhooks.deliveries import QUEUE, SEND, Letter
from rtp.webhooks.sending import Answered, Full, Sender

POSTPONED = (5.0, 15.0, 60.0, 300.0)
"""Seconds after which a message is looked at again whose endpoint has enough on its way."""
CHUNK = 5_000
LOST = 200
OVERDUE = timedelta(hours=1)


async def send(context: Context, delivery: str, round: int, attempt: int, postponed: int = 0) -> None:
    """Make one attempt and note what came of it; again after a crash, under the same message id."""
    async with context.reading() as frame:
        letter = await deliveries.prepare(frame, delivery, round, attempt)
    if letter is None:
        return
    if letter.endpoint.state == "disabled":
        async with context.writing() as frame:
            await deliveries.cancel(frame, delivery, round, attempt, "its endpoint is disabled")
        return
    sender: Sender = context.services["webhooks"]
    failpoints.reach("delivery.before_send")
    try:
        with sender.place_for(letter.endpoint.id):
            answered = await _post(sender, letter)
    except Full:
        async with context.writing() as frame:
            later = frame.after(POSTPONED[min(postponed, len(POSTPONED) - 1)])
            frame.enqueue(
                SEND, queue=QUEUE, at=later, delivery=delivery, round=round, attempt=attempt, postponed=postponed + 1
            )
        failpoints.reach("delivery.after_postponing")
        return
    failpoints.reach("delivery.after_send")
    async with context.writing() as frame:
        await deliveries.take_in(frame, delivery, round, attempt, answered)
        failpoints.reach("delivery.before_commit")
    failpoints.reach("delivery.after_commit")


async def sweep(context: Context) -> None:
    """Clear away, in chunks, ended endpoints and old deliveries; and queue again what lost its job."""
    async with context.reading() as frame:
        over = await endpoints_repository.over(frame)
    for endpoint_id in over:
        left = CHUNK
        while left == CHUNK:
            async with context.writing() as frame:
                left = await repository.forget(frame, CHUNK, endpoint_id=endpoint_id)
                if left < CHUNK:
                    await endpoints_repository.drop(frame, endpoint_id)
    left = CHUNK
    while left == CHUNK:
        async with context.writing() as frame:
            before = frame.now - timedelta(days=context.settings.keep_deliveries_days)
            if left := await repository.forget(frame, CHUNK, before=before):
                frame.summary = {"deleted": left, "before": to_text(before)}
    async with context.reading() as frame:
        lost = await deliveries.lost(frame, frame.now - OVERDUE, LOST)
    if lost:
        async with context.writing() as frame:
            for held in await repository.make_due(frame, lost, frame.now - OVERDUE):
                deliveries.queue(frame, held)


async def _post(sender: Sender, letter: Letter) -> Answered:
    if letter.problem:
        return Answered(None, 0, letter.problem)
    return await sender.post(letter.endpoint.url, letter.headers, letter.body, loopback=letter.loopback)


JOBS = (
    JobSpec(SEND, send, queue=QUEUE),
    JobSpec("webhooks.sweep", sweep, queue="upkeep", backoff=Backoff(retries=0), cron="*/10 * * * *"),
)
