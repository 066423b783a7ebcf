"""Use cases of the refund policy: it is applied as a whole, and every version is kept."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.refunds import desks, rules
from rtp.refunds.errors import RefundPolicyInvalid
from rtp.refunds.schemas import PolicyDiff, RefundPolicy, RefundRules


async def show(frame: Frame) -> RefundPolicy:
    """The policy that holds; version 0 is none."""
    return await desks.current(frame)


async def plan(frame: Frame, wanted: RefundRules) -> PolicyDiff:
    """How a policy differs from the one that holds.

    Raises: RefundPolicyInvalid.
    """
    _check(frame, wanted)
    holds = await desks.current(frame)
    return PolicyDiff(version=holds.version, changes=rules.diff(holds.rules, wanted))


async def apply(frame: Frame, wanted: RefundRules) -> PolicyDiff:
    """Let a policy hold from now on; the same again changes nothing.

    Raises: RefundPolicyInvalid.
    """
    _check(frame, wanted)
    await desks.one_by_one(frame)
    holds = await desks.current(frame)
    changes = rules.diff(holds.rules, wanted)
    if not changes and holds.version:
        return PolicyDiff(version=holds.version, changes=[])
    made = await desks.add_policy(frame, holds.version + 1, wanted)
    before = holds if holds.version else None
    frame.record("refund_policy.applied", f"refund policy {made.version}", made.version, before=before, after=made)
    return PolicyDiff(version=made.version, changes=changes)


def _check(frame: Frame, wanted: RefundRules) -> None:
    rules.check(wanted)
    environment = frame.premises.environment
    if wanted.local_approves and environment != "dev":
        why = f"the local owner is nobody's second person on {environment}"
        raise RefundPolicyInvalid(what=f"local_approves: {why}", fields={"local_approves": why})
