"""The jobs that talk to the provider about payments: always with the payment's own key, never inside a frame."""

from __future__ import annotations

from rtp.jobs.spec import Context, JobSpec
from rtp.kit import failpoints, ids
from rtp.payments import methods, policy, repository, service
from rtp.payments.errors import CardNotKnown, ProviderDeclined, ProviderOutcomeUnknown, ProviderRefused
from rtp.payments.ports import PATIENT, PaymentProvider, fits, hold_to
from rtp.payments.schemas import Payment


async def submit(context: Context, payment: str) -> None:
    """Ask the provider for the money; again after a crash, under the same key."""
    async with context.writing() as frame:
        asked = await service.submit(frame, payment)
    if asked is not None:
        await _ask(context, asked, 0)


async def reconcile(context: Context, payment: str, asked: int) -> None:
    """Ask the provider what became of a payment whose answer did not come.

    What it does not know yet may still be on its way, so it is never taken for failed: it is asked again under its key.
    What it says of another amount is not believed.
    """
    provider: PaymentProvider = context.services["provider"]
    outcome = await provider.retrieve_charge_by_key(payment)
    async with context.writing() as frame:
        locked = await service.lock(frame, payment)
        if locked.state != "unknown":
            return
        if outcome is not None and (outcome.state == "pending" or not fits(outcome, locked.amount)):
            service.ask_later(frame, locked, asked + 1)
        elif outcome is not None:
            await service.settle(frame, payment, outcome)
    if outcome is None:
        await _ask(context, locked, asked + 1)


async def _ask(context: Context, payment: Payment, next_question: int) -> None:
    """Call the provider and take in its answer; without one, the payment is unknown until the next question."""
    provider: PaymentProvider = context.services["provider"]
    hold_to(provider, payment.id, payment.provider)
    card_ref = await _card_ref(context, provider, payment)
    if card_ref is None:
        return
    failpoints.reach("job.before_provider")
    try:
        outcome = await provider.charge(payment.id, payment.amount, card_ref, payment.purpose)
    except ProviderDeclined as declined:
        await _fail(context, payment.id, str(declined.params["decline_code"]), str(declined.params["charge_ref"]))
        return
    except ProviderRefused:
        await _fail(context, payment.id, "provider_refused", None)
        return
    except ProviderOutcomeUnknown:
        async with context.writing() as frame:
            await service.lose(frame, payment.id, next_question)
        return
    failpoints.reach("job.after_provider")
    async with context.writing() as frame:
        if outcome.state == "pending":  # whether there is money is known later, by a webhook or by asking
            await service.lose(frame, payment.id, next_question, waits_for=outcome.failure_reason)
        elif not fits(outcome, payment.amount):
            await service.lose(frame, payment.id, next_question, waits_for="other_amount")
        else:
            await service.settle(frame, payment.id, outcome)
    failpoints.reach("job.after_commit")


async def _fail(context: Context, payment: str, reason: str, ref: str | None) -> None:
    async with context.writing() as frame:
        locked = await service.lock(frame, payment)
        if locked.state not in policy.SETTLED:
            await service.fail(frame, locked, reason, provider_ref=ref)


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


JOBS = (
    JobSpec("payments.submit", submit, queue=service.QUEUE, backoff=PATIENT),
    JobSpec("payments.reconcile", reconcile, queue=service.QUEUE, backoff=PATIENT),
    JobSpec("payments.tokenize", tokenize, queue=service.QUEUE, backoff=PATIENT),
)
