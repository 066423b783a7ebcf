"""Mends one difference in a transaction of its own: only as it was planned, and only while it is still there."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from rtp.db.frame import Frame
from rtp.disputes import service as disputes
from rtp.errors import RtpError
from rtp.jobs import service as jobs
from rtp.kit import failpoints
from rtp.payments import service as payments
from rtp.payments.errors import PaymentNotFound
from rtp.payments.ports import ProviderCharge, ProviderDispute, ProviderRefund
from rtp.reconciliation import policy, repository
from rtp.reconciliation.comparing import Comparison, Opening
from rtp.reconciliation.schemas import Difference
from rtp.refunds import adopting, settling
from rtp.refunds import service as refunds
from rtp.refunds.errors import RefundNotFound
from rtp.webhooks import received

Told = ProviderCharge | ProviderRefund | ProviderDispute | None
FROM_NOW_ON = 0
"""The questions to the provider begin anew, as after a lost answer."""


async def mend(comparison: Comparison, writing: Opening, found: Difference) -> Difference:
    """Carry the proposed fix out; what came of it. What is not as it was planned is left alone."""
    told = await comparison.theirs(found)
    try:
        async with writing() as frame:
            await _lock(frame, found)
            now = await comparison.judged(frame, found, told)
            if now is None or policy.digest(now) != policy.digest(found):
                return structs.replace(found, outcome="gone", note="it is not as it was planned any more")
            done = await _carry_out(frame, comparison.name, found, told)
            failpoints.reach("mend.before_commit")
    except RtpError as error:
        return structs.replace(found, outcome="refused", note=error.message)
    failpoints.reach("mend.after_commit")
    return done


async def _lock(frame: Frame, found: Difference) -> None:
    """Hold ours, so that nothing moves it between the second look and the fix."""
    try:
        if found.noun == "refund":
            await refunds.find(frame, found.key, lock=True)
        else:
            await payments.lock(frame, found.key)
    except (PaymentNotFound, RefundNotFound):
        return  # the difference is that it is not here


async def _carry_out(frame: Frame, provider: str, found: Difference, told: Told) -> Difference:
    if found.fix == "set_aside":
        if await repository.put_aside(frame, provider, found):
            frame.record("reconciliation.set_aside", found.name, 0, after=found)
        return structs.replace(found, outcome="set_aside", note="it waits for a person")
    if found.fix == "ask_again":
        await _ask_again(frame, found)
        return structs.replace(found, outcome="mended", note="the provider is asked again, under the same key")
    if isinstance(told, ProviderCharge):
        await payments.submit(frame, found.key)
        state: str = (await payments.settle(frame, found.key, told)).state
    elif isinstance(told, ProviderRefund) and found.fix == "take":
        payment = await repository.payment_of(frame, provider, told.charge_ref)
        assert payment is not None  # else it would not be proposed any more
        taken = await adopting.take_in(frame, payment, told)
        await received.match(frame, provider, told.key)
        return structs.replace(found, outcome="mended", note=f"it is here as {taken.id} now")
    elif isinstance(told, ProviderRefund):
        state = await _settle(frame, found, told)
    else:
        assert told is not None
        state = (await disputes.take(frame, provider, told)).state
    return structs.replace(found, outcome="mended", note=f"it is {state} now")


async def _settle(frame: Frame, found: Difference, told: ProviderRefund) -> str:
    """Let our refund end as the provider's, also where ours ended otherwise: its money came back."""
    assert found.ours is not None
    if found.ours.state == "succeeded":
        return (await settling.come_back(frame, found.name, told)).state
    await settling.submit(frame, found.key, known=True)
    return (await settling.settle(frame, found.key, told)).state


async def _ask_again(frame: Frame, found: Difference) -> None:
    """Queue the question to the provider: the request itself where it was perhaps never sent."""
    assert found.ours is not None
    noun = "refund" if found.noun == "refund" else "payment"
    args: dict[str, Any] = {noun: found.key}
    if found.ours.state in {"created", "submitted"}:
        await jobs.withdraw(frame, found.key, f"{noun}s.submit")
        frame.enqueue(f"{noun}s.submit", queue=payments.QUEUE, lock=found.key, **args)
    else:
        frame.enqueue(f"{noun}s.reconcile", queue=payments.QUEUE, **args, asked=FROM_NOW_ON)
    frame.record("reconciliation.asked_again", found.name, 0, before=found.ours)
