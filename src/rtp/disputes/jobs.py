"""The jobs of disputes; the provider is told our answer under the answer's own key, never inside a frame."""

from __future__ import annotations

from rtp.disputes import answering, losses, service
from rtp.jobs.spec import Context, JobSpec
from rtp.kit import failpoints
from rtp.payments import service as payments
from rtp.payments.errors import ProviderRefused
from rtp.payments.ports import PATIENT, PaymentProvider, hold_to


async def answer(context: Context, dispute: str, number: int) -> None:
    """Tell the provider, again after a crash or a lost answer under the same key, and take in what it says."""
    async with context.reading() as frame:
        asked = await answering.asked(frame, dispute, number)
    if asked is None:
        return
    provider: PaymentProvider = context.services["provider"]
    hold_to(provider, asked.payment, asked.provider)
    failpoints.reach("job.before_provider")
    try:
        if asked.answer == "accept":
            told = await provider.accept_dispute(asked.key, asked.ref)
        else:
            told = await provider.submit_evidence(asked.key, asked.ref, asked.evidence)
    except ProviderRefused as error:
        async with context.writing() as frame:
            await answering.refused(frame, dispute, error.message)
        return
    failpoints.reach("job.after_provider")
    async with context.writing() as frame:
        await answering.sent(frame, dispute, told)
    failpoints.reach("job.after_commit")


async def place(context: Context, payment: str) -> None:
    """Take off a payment's lines what a lost dispute could not, while a refund held it."""
    async with context.writing() as frame:
        await losses.place(frame, payment)


JOBS = (
    JobSpec(service.ANSWER, answer, queue=payments.QUEUE, backoff=PATIENT),
    JobSpec("disputes.place", place),
)
