"""Plans: the outcome of a dry run, committed later only if the world still gives the same outcome."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from rtp.db.frame import Frame
from rtp.db.records import plans
from rtp.errors import RtpError
from rtp.kit import ids
from rtp.kit.clock import to_text
from rtp.operations import Plan

LIFETIME = timedelta(minutes=15)


class PlanNotFound(RtpError):
    """There is no plan {key}."""

    status = 404
    hint = "Make one with --dry-run."


class PlanExpired(RtpError):
    """The plan {key} ended at {expires_at}."""

    status = 409
    still = "Nothing was changed."
    hint = "Make a new one with --dry-run."


class PlanUsed(RtpError):
    """The plan {key} was already carried out at {used_at}."""

    status = 409
    still = "It was carried out once and is not carried out again."
    hint = "rtp plans show {key}"


class PlanForOther(RtpError):
    """The plan {key} is for {planned}, not for this request."""

    status = 409
    still = "Nothing was changed."
    hint = "rtp plans show {key}"


class PlanOutdated(RtpError):
    """The plan {key} no longer fits: the same request would now do something else."""

    status = 409
    still = "Nothing was changed."
    hint = "Compare `planned` with `now`, then make a new plan with --dry-run."


class PlanRequest(msgspec.Struct, kw_only=True):
    """The request behind a plan, as it can be run again."""

    operation: str
    path: dict[str, str] = {}
    query: dict[str, Any] = {}
    body: Any = None
    reason: str = ""


class StoredPlan(msgspec.Struct, kw_only=True):
    """A plan with what is needed to carry it out."""

    id: UUID
    principal: str
    request: PlanRequest
    fingerprint: str
    pinned_at: datetime
    seed: int
    digest: str
    document: Plan
    expires_at: datetime
    used_at: datetime | None


async def add(
    frame: Frame, *, plan: Plan, plan_id: UUID, request: PlanRequest, fingerprint: str, pinned: tuple[datetime, int]
) -> None:
    """Store a plan; runs in a short transaction of its own, after the dry run was rolled back."""
    await frame.execute(
        insert(plans),
        {
            "id": plan_id,
            "operation": request.operation,
            "principal": frame.principal.id,
            "request": msgspec.to_builtins(request),
            "fingerprint": fingerprint,
            "pinned_at": pinned[0],
            "seed": pinned[1],
            "digest": plan.digest,
            "document": msgspec.to_builtins(plan, enc_hook=str),
            "created_at": frame.now,
            "expires_at": frame.now + LIFETIME,
        },
    )


async def get(frame: Frame, text: str, *, lock: bool = False) -> StoredPlan:
    """The plan with this id; with `lock`, held for this transaction.

    Raises: PlanNotFound.
    """
    plan_id = ids.parse_or("plan", text, PlanNotFound)
    query = select(plans).where(plans.c.id == plan_id)
    row = await frame.first(query.with_for_update() if lock else query)
    if row is None:
        raise PlanNotFound(key=text)
    return StoredPlan(
        id=row.id,
        principal=row.principal,
        request=msgspec.convert(row.request, PlanRequest),
        fingerprint=row.fingerprint,
        pinned_at=row.pinned_at,
        seed=row.seed,
        digest=row.digest,
        document=msgspec.convert(row.document, Plan),
        expires_at=row.expires_at,
        used_at=row.used_at,
    )


def check(plan: StoredPlan, now: datetime) -> None:
    """Refuse a plan that is spent.

    Raises: PlanUsed, PlanExpired.
    """
    key = plan.document.id
    if plan.used_at is not None:
        raise PlanUsed(key=key, used_at=to_text(plan.used_at))
    if plan.expires_at <= now:
        raise PlanExpired(key=key, expires_at=to_text(plan.expires_at))


async def use(frame: Frame, plan: StoredPlan, result: Any, now: datetime) -> None:
    """Spend the plan in the transaction that carries it out, if it still comes to the same.

    Raises: PlanOutdated, with both outcomes.
    """
    compare(frame, plan, result)
    await frame.execute(update(plans).where(plans.c.id == plan.id).values(used_at=now))


def compare(frame: Frame, plan: StoredPlan, result: Any) -> None:
    """Refuse a plan when the frame would now do something else.

    Raises: PlanOutdated, with both outcomes.
    """
    if (digest := frame.digest(result)) != plan.digest:
        outcome = msgspec.to_builtins(
            {"digest": digest, "changes": frame.changes(), "jobs": frame.asks()}, enc_hook=str
        )
        planned = {"digest": plan.digest, "changes": plan.document.changes, "jobs": plan.document.jobs}
        raise PlanOutdated(key=plan.document.id, planned=msgspec.to_builtins(planned, enc_hook=str), now=outcome)
