"""Use cases of the answer to a dispute: kept with its evidence first, then sent by a job under a key of its own."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from rtp.db.frame import Frame
from rtp.disputes import evidence, policy, repository, service
from rtp.disputes.errors import AnswerStalled
from rtp.disputes.schemas import Answer, Dispute, SubmitEvidence
from rtp.jobs import service as jobs
from rtp.kit import ids
from rtp.payments import service as payments
from rtp.payments.ports import ProviderDispute


class Asked(Struct, frozen=True, kw_only=True):
    """What the provider that has the payment is to be told: the key is the same however often it is told."""

    key: str
    payment: str
    provider: str
    ref: str
    answer: Answer
    evidence: dict[str, str]


async def submit(frame: Frame, key: str, request: SubmitEvidence) -> Dispute:
    """Hand in the pack with parts of our own; once it is under way it cannot be changed, only brought on.

    Raises: DisputeNotFound, IllegalDisputeMove, DisputeAnswered, DisputeOverdue, EvidenceTooLong, AnswerStalled.
    """
    before = await service.find(frame, key, lock=True)
    if await service.has_stalled(frame, before):
        return await _bring_on(frame, before, "evidence", request.parts)
    policy.refuse_answer(before, "evidence", frame.now)
    parts = await evidence.parts(frame, before) | request.parts
    evidence.hold_limit(parts)
    return await _queue(frame, before, "evidence", parts)


async def accept(frame: Frame, key: str) -> Dispute:
    """Give the money up; final.

    Raises: DisputeNotFound, IllegalDisputeMove, DisputeAnswered, AnswerStalled.
    """
    before = await service.find(frame, key, lock=True)
    if await service.has_stalled(frame, before):
        return await _bring_on(frame, before, "accept", {})
    policy.refuse_answer(before, "accept", frame.now)
    return await _queue(frame, before, "accept", None)


async def asked(frame: Frame, key: str, number: int) -> Asked | None:
    """What is to be told; None when that was done, or another answer took its place."""
    dispute = await service.find(frame, key)
    current, parts = await repository.answer_of(frame, service.id_of(key))
    if dispute.answer_state != "queued" or current != number:
        return None
    return Asked(
        key=f"{dispute.id}:{number}",
        payment=dispute.payment_id,
        provider=dispute.provider,
        ref=dispute.provider_ref,
        answer=dispute.answer,
        evidence=parts,
    )


async def sent(frame: Frame, key: str, told: ProviderDispute) -> Dispute:
    """Note that the provider has our answer, and what it made of it."""
    found = await service.find(frame, key)
    moved = await service.take(frame, found.provider, told)
    return await _note(frame, moved, "answered", answer_state="sent", answer_error="")


async def refused(frame: Frame, key: str, why: str) -> Dispute:
    """Note that the provider does not take our answer."""
    before = await service.find(frame, key, lock=True)
    return await _note(frame, before, "answer_refused", answer_state="refused", answer_error=why)


async def _bring_on(
    frame: Frame, before: Dispute, answer: Literal["evidence", "accept"], parts: dict[str, str]
) -> Dispute:
    """Let the answer that gave up be told again under its own key, which the provider may know, and so unchanged.

    Raises: AnswerStalled.
    """
    number, kept = await repository.answer_of(frame, service.id_of(before.id))
    if before.answer != answer or not parts.items() <= kept.items():
        raise AnswerStalled(key=before.id, answer=before.answer, hint=policy.same_answer(before))
    after = await _note(frame, before, "answer_queued", answered_by=frame.principal.id, answered_at=frame.now)
    if not await jobs.revive(frame, service.ANSWER, "dispute", after.id):
        _enqueue(frame, after.id, number)
    return after


async def _queue(
    frame: Frame, before: Dispute, answer: Literal["evidence", "accept"], parts: dict[str, str] | None
) -> Dispute:
    number = (await repository.answer_of(frame, service.id_of(before.id)))[0] + 1
    values: dict[str, Any] = {"answer": answer, "answer_state": "queued", "answer_number": number, "answer_error": ""}
    values |= {"answered_by": frame.principal.id, "answered_at": frame.now}
    if parts is not None:
        values["evidence"] = parts
    after = await _note(frame, before, "answer_queued", **values)
    _enqueue(frame, after.id, number)
    return after


def _enqueue(frame: Frame, key: str, number: int) -> None:
    frame.enqueue(service.ANSWER, queue=payments.QUEUE, lock=key, dispute=key, number=number)


async def _note(frame: Frame, before: Dispute, what: str, **values: Any) -> Dispute:
    if all(getattr(before, name, value) == value for name, value in values.items()):
        return before
    after = await repository.change(frame, service.id_of(before.id), **values)
    user_id = ids.parse_user(after.user_id)
    frame.record(f"dispute.{what}", after.id, after.version, user_id=user_id, before=before, after=after)
    return after
