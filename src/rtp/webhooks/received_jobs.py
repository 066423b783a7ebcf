"""The job that lets a received event have its effect; the provider is asked outside of the transaction only."""

from __future__ import annotations

from datetime import timedelta

from rtp.errors import RtpError
from rtp.jobs.spec import Backoff, Context, JobSpec
from rtp.kit import failpoints
from rtp.kit.clock import to_text
from rtp.payments.ports import PaymentProvider, ProviderDispute, ProviderEvent, ProviderRefund, hold_to
from rtp.webhooks import received
from rtp.webhooks import received_repository as repository
from rtp.webhooks.received_effects import InDoubt, Subject, Told

CHUNK = 5_000
"""Events that one transaction forgets."""


async def process(context: Context, event: str) -> None:
    """Process one event; what refuses it is noted with it, and tried again later."""
    try:
        await _process(context, event)
    except Exception as error:
        async with context.writing() as frame:
            await received.fail(frame, event, error)
        if not isinstance(error, RtpError):
            raise  # a defect of ours or of the database's: the queue repeats it, and keeps it among the dead jobs
    failpoints.reach("job.after_commit")


async def sweep(context: Context) -> None:
    """Forget, in chunks, what had its effect so long ago as the setting says; what had none yet is kept.

    Whoever sends a forgotten event again changes nothing: what it tells is settled here. The setting outlasts
    `received_policy.REDELIVERED` all the same.
    """
    kept = timedelta(days=context.settings.keep_received_days)
    left = CHUNK
    while left == CHUNK:
        async with context.writing() as frame:
            before = frame.now - kept
            if left := await repository.forget(frame, CHUNK, before):
                frame.summary = {"deleted": left, "before": to_text(before)}


async def _process(context: Context, event: str) -> None:
    try:
        await _take_in(context, event)
    except InDoubt as doubt:
        failpoints.reach("received.before_asking")
        told = Told(event=doubt.event, asked=True, now=await _asked(context, doubt.event))
        failpoints.reach("received.after_asking")
        await _take_in(context, event, told)


async def _take_in(context: Context, event: str, told: Told | None = None) -> None:
    async with context.writing() as frame:
        await received.process(frame, event, told)
        failpoints.reach("received.before_commit")


async def _asked(context: Context, event: ProviderEvent) -> Subject | None:
    """The object as the provider that told of it has it now, by our own key.

    Raises: ProviderOther.
    """
    provider: PaymentProvider = context.services["provider"]
    hold_to(provider, event.subject.key or event.subject.ref, event.provider)
    if isinstance(event.subject, ProviderDispute):
        listed = await provider.list_disputes(event.subject.created_at)
        return next((one for one in listed if one.ref == event.subject.ref), None)
    if isinstance(event.subject, ProviderRefund):
        return await provider.retrieve_refund_by_key(event.subject.key)
    return await provider.retrieve_charge_by_key(event.subject.key)


JOBS = (
    JobSpec("webhooks.process", process, queue=received.QUEUE),
    JobSpec("webhooks_received.sweep", sweep, queue="upkeep", backoff=Backoff(retries=0), cron="43 * * * *"),
)
