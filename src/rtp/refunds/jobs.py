"""The jobs that talk to the provider about refunds: always with the refund's own key, never inside a frame."""

from __future__ import annotations

from rtp.jobs.spec import Context, JobSpec
from rtp.kit import failpoints
from rtp.payments import service as payments
from rtp.payments.errors import ProviderOutcomeUnknown, ProviderRefused
from rtp.payments.jobs import PATIENT
from rtp.payments.ports import PaymentProvider
from rtp.refunds import service, settling


async def submit(context: Context, refund: str) -> None:
    """Ask the provider to return the money; again after a crash, under the same key."""
    async with context.writing() as frame:
        asked = await settling.submit(frame, refund)
    if asked is None:
        return
    async with context.reading() as frame:
        payment = await payments.find(frame, asked.payment_id)
    provider: PaymentProvider = context.services["provider"]
    failpoints.reach("job.before_provider")
    try:
        outcome = await provider.refund(asked.id, payment.provider_ref or "", asked.amount, asked.reason)
    except ProviderOutcomeUnknown:
        async with context.writing() as frame:
            await settling.lose(frame, refund)
        return
    except ProviderRefused:
        async with context.writing() as frame:
            await settling.fail(frame, await service.find(frame, refund, lock=True), "provider_refused")
        return
    failpoints.reach("job.after_provider")
    async with context.writing() as frame:
        await settling.settle(frame, refund, outcome)
    failpoints.reach("job.after_commit")


async def reconcile(context: Context, refund: str, asked: int) -> None:
    """Ask the provider what became of a refund whose answer did not come, or is still pending there."""
    provider: PaymentProvider = context.services["provider"]
    outcome = await provider.retrieve_refund_by_key(refund)
    async with context.writing() as frame:
        current = await service.find(frame, refund, lock=True)
        if current.state not in {"unknown", "pending"}:
            return
        if outcome is None:
            await settling.fail(frame, current, "refund_not_found")
        elif outcome.state == "pending":
            settling.ask_later(frame, current, asked + 1)
        else:
            await settling.settle(frame, refund, outcome)


JOBS = (
    JobSpec("refunds.submit", submit, queue=payments.QUEUE, backoff=PATIENT),
    JobSpec("refunds.reconcile", reconcile, queue=payments.QUEUE, backoff=PATIENT),
)
