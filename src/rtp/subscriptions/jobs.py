"""What runs later: taking in the results of charges, and doing what has fallen due."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from rtp.db.frame import Frame
from rtp.errors import RtpError
from rtp.events.schemas import Event
from rtp.jobs.spec import Context, JobSpec
from rtp.kit import ids
from rtp.subscriptions import due, policy, repository, settling

log = structlog.get_logger("rtp.subscriptions")
CHUNK = 100
SETTLED = frozenset({"payment.succeeded", "payment.failed"})
"""Events after which a subscription's charge has its result."""


async def settle(context: Context, payment: str) -> None:
    """Take in the result of a charge."""
    async with context.writing() as frame:
        await settling.payment_settled(frame, payment)


async def advance_due(context: Context) -> None:
    """Do what is due, each subscription in a frame of its own, so that one that is refused stops no other."""
    while True:
        async with context.reading() as frame:
            waiting = await repository.due(frame, CHUNK)
        for subscription_id in waiting:
            try:
                async with context.writing() as frame:
                    await due.advance(frame, subscription_id)
            except RtpError as error:
                shown = ids.show("sub", subscription_id)
                log.error("a subscription could not be advanced", subscription=shown, error=error.message)
                async with context.writing() as frame:
                    await repository.postpone(frame, subscription_id, frame.now + policy.LOOK_AGAIN)
        if len(waiting) < CHUNK:
            return


async def queue_settlements(frame: Frame, events: Sequence[Event]) -> None:
    """Queue a job for each settled payment of a subscription."""
    for event in events:
        source = str(event.payload["after"]["source"])
        if source.startswith("sub_"):
            frame.enqueue("subscriptions.settle", lock=source, payment=event.aggregate_id)


JOBS = (
    JobSpec("subscriptions.settle", settle),
    JobSpec("subscriptions.advance_due", advance_due, cron="* * * * * */10"),
)
