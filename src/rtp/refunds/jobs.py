"""The jobs that talk to the provider about refunds: always with the refund's own key, never inside a frame."""

from __future__ import annotations

from rtp.jobs.spec import Context, JobSpec
from rtp.kit import failpoints
from rtp.payments import service as payments
from rtp.payments.errors import ProviderOutcomeUnknown, ProviderRefused
from rtp.payments.ports import PATIENT, PaymentProvider, fits, hold_back, hold_to
from rtp.refunds import deciding, service, settling
from rtp.refunds.schemas import Refund


async def submit(context: Context, refund: str) -> None:
    """Ask the provider to return the money; again after a crash, under the same key.

    While the breaker is open it stays created, so that it can still be called off.
    """
    hold_back(context.services["provider"])
    async with context.writing() as frame:
        asked = await settling.submit(frame, refund)
        failpoints.reach("job.before_submit")
    if asked is not None:
        await _ask(context, asked, 0)


async def reconcile(context: Context, refund: str, asked: int) -> None:
    """Ask the provider what became of a refund whose answer did not come, or is still pending there.

    What it does not know yet may still be on its way, so it is never taken for failed: it is asked again under its key.
    What it says of another amount is not believed.
    """
    provider: PaymentProvider = context.services["provider"]
    outcome = await provider.retrieve_refund_by_key(refund)
    async with context.writing() as frame:
        current = await service.find(frame, refund, lock=True)
        if current.state not in {"unknown", "pending"}:
            return
        if outcome is not None and not fits(outcome, current.amount):
            settling.ask_later(frame, current, asked + 1)
        elif outcome is not None:
            after = await settling.settle(frame, refund, outcome)
            if current.state == "pending":
                settling.ask_later(frame, after, asked + 1)
    if outcome is None:
        await _ask(context, current, asked + 1)


async def expire(context: Context, refund: str) -> None:
    """End a refund that nobody approved in time."""
    async with context.writing() as frame:
        await deciding.expire(frame, refund)


async def _ask(context: Context, refund: Refund, next_question: int) -> None:
    """Call the provider and take in its answer; without one, the refund is unknown until the next question."""
    async with context.reading() as frame:
        payment = await payments.find(frame, refund.payment_id)
    provider: PaymentProvider = context.services["provider"]
    hold_to(provider, payment.id, payment.provider)
    failpoints.reach("job.before_provider")
    try:
        outcome = await provider.refund(refund.id, payment.provider_ref or "", refund.amount, refund.reason)
    except ProviderOutcomeUnknown:
        async with context.writing() as frame:
            await settling.lose(frame, refund.id, next_question)
        return
    except ProviderRefused:
        async with context.writing() as frame:
            await settling.refused(frame, refund.id)
        return
    failpoints.reach("job.after_provider")
    async with context.writing() as frame:
        if fits(outcome, refund.amount):
            await settling.settle(frame, refund.id, outcome)
        else:
            await settling.lose(frame, refund.id, next_question, why="other_amount")
        failpoints.reach("job.before_commit")
    failpoints.reach("job.after_commit")


JOBS = (
    JobSpec("refunds.submit", submit, queue=payments.QUEUE, backoff=PATIENT),
    JobSpec("refunds.reconcile", reconcile, queue=payments.QUEUE, backoff=PATIENT),
    JobSpec("refunds.expire", expire),
)
