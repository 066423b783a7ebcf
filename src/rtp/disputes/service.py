"""Use cases of disputes: take in what the provider says, show it. Lock order: the payment, then its dispute."""

from __future__ import annotations

from uuid import UUID

from msgspec import structs

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.disputes import losses, policy, repository
from rtp.disputes.errors import DisputeCurrencyDiffers, DisputeNotFound, DisputeTooEarly
from rtp.disputes.schemas import Dispute, DisputeDetail, DisputeLine, DisputeState, DueDispute
from rtp.jobs import service as jobs
from rtp.kit import ids
from rtp.kit.money import Money
from rtp.ledger import movements
from rtp.operations import Page
from rtp.payments import service as payments
from rtp.payments.ports import ProviderDispute
from rtp.payments.schemas import Payment
from rtp.users import service as users

judge = policy.judge
ANSWER = "disputes.answer"
_PAST = {"review": "under_review", "win": "won", "lose": "lost"}


async def take(frame: Frame, provider: str, told: ProviderDispute) -> Dispute:
    """Bring a dispute to where the provider has it, and make it where it is new; what is known changes nothing.

    While one is open its payment is not refunded; a lost one takes its amount from what can be, down to nothing.
    Raises: PaymentNotFound, DisputeTooEarly, DisputeCurrencyDiffers.
    """
    payment = await payments.lock(frame, told.key)
    for amount in (told.amount, told.fee):
        if amount is not None and amount.currency != payment.amount.currency:
            currency = payment.amount.currency
            raise DisputeCurrencyDiffers(ref=told.ref, amount=amount, payment=payment.id, currency=currency)
    dispute = await repository.of_ref(frame, provider, told.ref, lock=True)
    if dispute is None:
        dispute = await _open(frame, payment, provider, told)
    if told.fee is not None and told.fee != dispute.fee and policy.is_news(dispute.state, told.state):
        dispute = await _charge(frame, payment, dispute, told.fee)
    if policy.judge(dispute.state, told.state) == "apply":
        dispute = await _move(frame, payment, dispute, policy.EVENTS[told.state])
    return dispute


async def of_ref(frame: Frame, provider: str, ref: str) -> Dispute | None:
    """The dispute that a provider knows by this reference."""
    return await repository.of_ref(frame, provider, ref)


async def show(frame: Frame, key: str) -> DisputeDetail:
    """A dispute with its payment, the evidence that was handed in, and the time that is left.

    Raises: DisputeNotFound.
    """
    dispute = await find(frame, key)
    payment = await payments.find(frame, dispute.payment_id)
    user = await users.resolve(frame, dispute.user_id)
    _, evidence = await repository.answer_of(frame, id_of(key))
    return DisputeDetail(
        **structs.asdict(dispute),
        left=policy.time_left(dispute, frame.now),
        email=user.email,
        purpose=payment.purpose,
        captured=payment.captured,
        refunded=payment.refunded,
        refundable=payment.refundable,
        evidence=evidence,
        next=policy.next_step(dispute, stalled=await has_stalled(frame, dispute)),
    )


async def page(
    frame: Frame, page: PageRequest, *, user: str = "", payment: str = "", state: DisputeState | None = None
) -> Page[DisputeLine]:
    """One page of disputes.

    Raises: UserNotFound, PaymentNotFound.
    """
    user_id = users.number(await users.resolve(frame, user)) if user else None
    payment_id = payments.id_of(payment) if payment else None
    return await repository.page(frame, page, user_id=user_id, payment_id=payment_id, state=state)


async def unanswered(frame: Frame, limit: int) -> tuple[int, list[DueDispute]]:
    """How many disputes wait for an answer, and the first of them by their deadline."""
    count, first = await repository.unanswered(frame, limit)
    return count, [_due(one) for one in first]


async def stalled(frame: Frame) -> list[tuple[DueDispute, str]]:
    """The open disputes whose answer gave up on its way, by their deadline, each with the command that brings it on."""
    queued = await repository.queued(frame)
    living = await under_way(frame, [one.id for one in queued])
    return [(_due(one), policy.same_answer(one)) for one in queued if one.id not in living]


async def under_way(frame: Frame, keys: list[str]) -> set[str]:
    """Of these disputes, those whose answer a job is to tell, or tells, the provider."""
    return await jobs.under_way(frame, ANSWER, "dispute", keys) if keys else set()


async def has_stalled(frame: Frame, dispute: Dispute) -> bool:
    """Whether the answer to a dispute gave up on its way."""
    waits = dispute.answer_state == "queued" and dispute.state in policy.OPEN
    return waits and not await under_way(frame, [dispute.id])


async def find(frame: Frame, key: str, *, lock: bool = False) -> Dispute:
    """The dispute; with `lock`, held for this transaction.

    Raises: DisputeNotFound.
    """
    found = await repository.find(frame, id_of(key), lock=lock)
    if found is None:
        raise DisputeNotFound(key=key)
    return found


def id_of(key: str) -> UUID:
    """The dispute id behind a text.

    Raises: DisputeNotFound.
    """
    return ids.parse_or("dsp", key, DisputeNotFound)


def _due(dispute: DisputeLine) -> DueDispute:
    return DueDispute(id=dispute.id, amount=dispute.amount, due_by=dispute.due_by, left=dispute.left)


async def _open(frame: Frame, payment: Payment, provider: str, told: ProviderDispute) -> Dispute:
    if payment.state != "succeeded":
        raise DisputeTooEarly(ref=told.ref, payment=payment.id, state=payment.state)
    user_id = ids.parse_user(payment.user_id)
    dispute = await repository.add(frame, user_id, payments.id_of(payment.id), provider, told)
    frame.record("dispute.opened", dispute.id, dispute.version, user_id=user_id, after=dispute)
    await movements.dispute_opened(
        frame, dispute.id, user=payment.user_id, provider=payment.provider, amount=told.amount, fee=told.fee
    )
    await _note(frame, payment)
    return dispute


async def _charge(frame: Frame, payment: Payment, before: Dispute, fee: Money) -> Dispute:
    """Take over what the provider keeps for a dispute; it may come later, grow with an answer, or be given back."""
    after = await repository.change(frame, id_of(before.id), fee=fee.amount)
    user_id = ids.parse_user(after.user_id)
    frame.record("dispute.charged", after.id, after.version, user_id=user_id, before=before, after=after)
    await movements.dispute_fee(
        frame, after.id, user=after.user_id, provider=payment.provider, fee=fee - before.fee, version=after.version
    )
    return after


async def _move(frame: Frame, payment: Payment, before: Dispute, event: str) -> Dispute:
    state = policy.moved(before.id, before.state, event)
    closed = frame.now if state not in policy.OPEN else None
    tax = await _taken(frame, payment, before) if state == "lost" else before.tax
    after = await repository.change(frame, id_of(before.id), state=state, closed_at=closed, tax=tax.amount)
    user_id = ids.parse_user(after.user_id)
    frame.record(f"dispute.{_PAST[event]}", after.id, after.version, user_id=user_id, before=before, after=after)
    if state == "won":
        await movements.dispute_won(frame, after.id, user=after.user_id)
    elif state == "lost":
        await movements.dispute_lost(frame, after.id, user=after.user_id, amount=after.amount, tax=tax)
    await _note(frame, payment)
    return after


async def _taken(frame: Frame, payment: Payment, losing: Dispute) -> Money:
    """Take what is lost off the payment's lines; the tax in it. What an earlier one has still to take goes first."""
    _, earlier = await repository.sums(frame, payments.id_of(payment.id))
    if earlier:
        await losses.place(frame, payment.id)
    return await payments.charge_back(frame, payment, losing.amount + Money(earlier, losing.amount.currency))


async def _note(frame: Frame, payment: Payment) -> None:
    """Let the locked payment know how many disputes are open, and what the lost ones took."""
    count, lost = await repository.sums(frame, payments.id_of(payment.id))
    await payments.note_disputes(frame, payment, open=count, lost=lost)
