"""Use case of the report: one look at a month's refunds, for somebody who neither issued nor approved them."""

from __future__ import annotations

import secrets
from typing import Any

from msgspec import structs
from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.refund_reports import policy, repository
from rtp.refund_reports.schemas import RefundReport


async def show(frame: Frame, *, month: str, share: str, seed: str) -> RefundReport:
    """The report on a month, in one snapshot; without a seed it is drawn by one that nobody could know before.

    Raises: InvalidInput.
    """
    since, until = policy.span(month)
    policy.size(0, share)
    seed = seed or secrets.token_hex(8)
    span: dict[str, Any] = {"since": since, "until": until, "back": until - policy.LOOK_BACK}
    await frame.execute(text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    try:
        sums = await repository.sums(frame, span)
        count = sum(one.count for one in sums)
        size = policy.size(count, share)
        keys = await repository.makers(frame, span)
        span |= {"keys": list(keys), "makers": list(keys.values())}
        pairs = await repository.pairs(frame, span)
        sample = await repository.sample(frame, span, seed=seed, size=size)
        people = {key for pair in pairs for key in (pair.issued_by, pair.approved_by) if key}
        names = await repository.names(frame, people)
    finally:
        await frame.execute(text("ROLLBACK"))
    return RefundReport(
        month=month,
        ended=frame.now >= until,
        share=f"{share}%",
        seed=seed,
        count=count,
        drawn=size,
        complete=all(one.amount == one.booked for one in sums),
        sums=sums,
        pairs=[
            structs.replace(
                pair, issuer=names.get(pair.issuer, pair.issuer), approver=names.get(pair.approver, pair.approver)
            )
            for pair in pairs
        ],
        sample=[
            structs.replace(
                one, issuer=names.get(one.issuer, one.issuer), approver=names.get(one.approver, one.approver)
            )
            for one in sample
        ],
    )
