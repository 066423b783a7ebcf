"""The jobs that talk to the provider about payments: always with the payment's own key, never inside a frame."""

from __future__ import annotations

from rtp.jobs.policy import Backoff
from rtp.jobs.spec import Context, JobSpec
from rtp.kit import failpoints, ids
from rtp.payments import methods, repository, service
from rtp.payments.errors import CardNotKnown, ProviderDeclined, ProviderOutcomeUnknown, ProviderRefused
from rtp.payments.ports import PaymentProvider
from rtp.payments.schemas import Payment


async def submit(context: Context, payment: str) -> None:
    """Ask the provider for the money; again after a crash, under the same key."""
    async with context.writing() as frame:
        asked = await service.submit(frame, payment)
    if asked is None:
        return
    provider: PaymentProvider = context.services["provider"]
    card_ref = await _card_ref(context, provider, asked)
    if card_ref is None:
        return
    failpoints.reach("job.before_provider")
    try:
        outcome = await provider.charge(payment, asked.amount, card_ref, asked.purpose)
    except ProviderDeclined as declined:
        async with context.writing() as frame:
            locked = await service.lock(frame, payment)
            if locked.state not in {"succeeded", "failed"}:
                await service.fail(frame, locked, str(declined.params["decline_code"]),
                                   provider_ref=str(declined.params["charge_ref"]))  # fmt: skip
        return
    except ProviderOutcomeUnknown:
        async with context.writing() as frame:
            await service.lose(frame, payment, 0)
        return
    except ProviderRefused:
        async with context.writing() as frame:
            await service.fail(frame, await service.lock(frame, payment), "provider_refused")
        return
    failpoints.reach("job.after_provider")
    async with context.writing() as frame:
        await service.settle(frame, payment, outcome)
    failpoints.reach("job.after_commit")


async def reconcile(context: Context, payment: str, asked: int) -> None:
    """Ask the provider what became of a payment whose answer did not come."""
    provider: PaymentProvider = context.services["provider"]
    outcome = await provider.retrieve_charge_by_key(payment)
    async with context.writing() as frame:
        locked = await service.lock(frame, payment)
        if locked.state != "unknown":
            return
        if outcome is None:
            await service.fail(frame, locked, "charge_not_found")
        elif outcome.state == "pending":
            service.ask_later(frame, locked, asked + 1)
        else:
            await service.settle(frame, payment, outcome)


async def tokenize(context: Context, method: str) -> None:
    """Let the provider take a card."""
    async with context.reading() as frame:
        shown = await methods.show(frame, method)
    if shown.state == "pending":
        await _take(context, context.services["provider"], method, shown.card)


async def _card_ref(context: Context, provider: PaymentProvider, payment: Payment) -> str | None:
    """The provider's reference of the payment's card; None after the payment failed because there is none."""
    async with context.reading() as frame:
        method = await methods.show(frame, payment.method_id)
        ref = await repository.provider_ref_of(frame, ids.parse("pm", payment.method_id))
    if ref is None and method.state == "pending":
        ref = await _take(context, provider, method.id, method.card)
    if ref is None:
        async with context.writing() as frame:
            await service.fail(frame, await service.lock(frame, payment.id), "card_not_known")
    return ref


async def _take(context: Context, provider: PaymentProvider, method: str, card: str) -> str | None:
    try:
        taken = await provider.tokenize(card)
    except CardNotKnown:
        async with context.writing() as frame:
            await methods.refused(frame, method, "card_not_known")
        return None
    async with context.writing() as frame:
        await methods.taken(frame, method, taken)
    return taken.ref


PATIENT = Backoff(delay=0.5, retries=12, cap=300.0)
"""A provider that is away is waited for, about 20 minutes in all, before a job counts as dead."""

JOBS = (
    JobSpec("payments.submit", submit, queue=service.QUEUE, backoff=PATIENT),
    JobSpec("payments.reconcile", reconcile, queue=service.QUEUE, backoff=PATIENT),
    JobSpec("payments.tokenize", tokenize, queue=service.QUEUE, backoff=PATIENT),
)
