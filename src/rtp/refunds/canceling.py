"""Calling off a refund: only while it provably was not sent to the provider."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.refunds import service, settling
from rtp.refunds.errors import RefundSent
from rtp.refunds.schemas import Decision, Refund, RefundState

SENT: frozenset[RefundState] = frozenset({"submitted", "pending", "unknown"})
"""States in which the provider was asked, or may have been."""


async def cancel(frame: Frame, key: str, decision: Decision) -> Refund:
    """End a refund whose sending was not begun; under its row's lock, where sending it begins too.

    Raises: RefundNotFound, RefundSent, IllegalRefundMove.
    """
    before = await service.find(frame, key, lock=True)
    if before.state in SENT:
        raise RefundSent(key=before.id, state=before.state)
    why = f"canceled by {frame.principal.name}" + (f": {decision.note}" if decision.note else "")
    after = await settling.move(frame, before, "cancel", reason=decision.note, failure_reason=why, settled_at=frame.now)
    await settling.release(frame, after)
    return after
