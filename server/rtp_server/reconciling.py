"""How reconciliation is carried out: the provider is asked outside of any frame; a plan is the list of differences.

Each difference of a plan is looked at again and mended in a transaction of its own, so a run that was interrupted is
carried on by the same plan: what was mended before is gone by then.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import update

from rtp.db import answers, plans, records
from rtp.db.frame import Frame
from rtp.db.listing import instant_of
from rtp.kit import trace
from rtp.kit.trace import Trace
from rtp.permissions import WORKER, Principal
from rtp.reconciliation import mending, service
from rtp.reconciliation.comparing import Comparison
from rtp.reconciliation.errors import ReconcilePlanMissing, ReconcileProviderUnknown
from rtp.reconciliation.schemas import CHECK, Difference, Look, Run, RunReconcile
from rtp_server import writes
from rtp_server.state import State
from rtp_server.writes import Asked, Done


async def look(state: State, wanted: RunReconcile) -> Look:
    """Compare both records now; changes nothing.

    Raises: ReconcileProviderUnknown, InvalidInput, ProviderUnavailable.
    """
    return await _comparison(state, wanted, WORKER, trace.start()).look()


async def run(state: State, asked: Asked) -> Done:
    """Plan, carry out, or answer again.

    Raises: ReconcilePlanMissing, ReconcileProviderUnknown, ProviderUnavailable, PlanUsed and its kin.
    """
    wanted: RunReconcile = asked.arguments["data"]
    if not (asked.dry_run or asked.plan):
        raise ReconcilePlanMissing()
    comparison = _comparison(state, wanted, asked.principal, asked.trace)
    if asked.dry_run:
        return await _plan(state, asked, await comparison.look())
    return await _mend(state, asked, comparison)


def _comparison(state: State, wanted: RunReconcile, principal: Principal, of: Trace) -> Comparison:
    now: datetime = state.frames.clock.now()
    since = instant_of("since", wanted.since, now)
    reading = partial(state.frames.reading, operation=CHECK.id, principal=principal, trace=of)
    provider = state.provider
    if wanted.provider not in {"", provider.name}:
        raise ReconcileProviderUnknown(provider=repr(wanted.provider), known=provider.name)
    return Comparison(provider, provider.name, reading, since=since, now=now)


async def _plan(state: State, asked: Asked, found: Look) -> Done:
    """Store what would be done to each difference; `writes` rolls the notes back."""

    async def note(frame: Frame, **_: Any) -> Look:
        for one in found.differences:
            frame.record(f"reconciliation.{one.fix}", one.name, 0, before=one.ours, after=one.theirs)
        return found

    return await writes.run(state, replace(asked, endpoint=replace(asked.endpoint, handler=note, outside=None)))


async def _mend(state: State, asked: Asked, comparison: Comparison) -> Done:
    about: dict[str, Any] = {"operation": asked.endpoint.operation.id, "principal": asked.principal}
    about |= {"trace": asked.trace, "reason": asked.reason}
    fingerprint = asked.fingerprint()
    with answers.first_of_its_key(asked.key):
        async with state.frames.writing(**about) as frame:
            stored = await answers.find(frame, asked.key, fingerprint) if asked.key else None
            plan = await plans.get(frame, asked.plan)
        if stored is not None:
            return Done(stored.status, stored.body, replayed=True)
        if plan.fingerprint != fingerprint:
            raise plans.PlanForOther(key=asked.plan, planned=plan.request.operation)
        plans.check(plan, state.frames.clock.now())
        planned = msgspec.convert(plan.document.result, Look)
        writing = partial(state.frames.writing, **about, plan_id=plan.id)
        done = [await mending.mend(comparison, writing, one) for one in planned.differences]
        async with writing() as frame:
            kept = await _use(frame, state, asked, planned, done)
            body = msgspec.json.encode(kept, enc_hook=str)
            if asked.key:
                frame.answer(asked.key, fingerprint, asked.endpoint.operation.status, body)
    return Done(asked.endpoint.operation.status, body)


async def _use(frame: Frame, state: State, asked: Asked, planned: Look, done: list[Difference]) -> Run:
    """Keep the run and spend the plan; of two that carried it out at once, one is told that it was used."""
    plan = await plans.get(frame, asked.plan, lock=True)
    plans.check(plan, state.frames.clock.now())
    await frame.execute(update(records.plans).where(records.plans.c.id == plan.id).values(used_at=frame.now))
    return await service.keep_mend(frame, planned, done)
