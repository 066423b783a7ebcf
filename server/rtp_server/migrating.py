"""How `migrations.apply` runs: outside of any frame, because a migration may lock what a frame would hold.

The plan is compared before; the audit row, the events and the stored answer are written after, on the new schema.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import make_url, text, update

from rtp.db import answers, plans, records
from rtp.db.frame import Frame
from rtp.errors import RtpError
from rtp.migrations import applying
from rtp.migrations.applying import Applying
from rtp.migrations.errors import OwnerUrlMissing, PlanNotKept
from rtp.migrations.schemas import APPLY, AppliedMigration, ApplyMigrations, ApplyResult, Migration
from rtp_server import writes
from rtp_server.state import State
from rtp_server.writes import Asked, Done

_KEPT = text("SELECT to_regclass('plans') IS NOT NULL AND to_regclass('audit') IS NOT NULL")


@dataclass
class Outcome:
    """What is noted in a frame: the answer, and the migrations it is about."""

    result: ApplyResult
    migrations: list[Migration] = field(default_factory=list)

    async def note(self, frame: Frame, data: ApplyMigrations) -> ApplyResult:
        """Record each migration; stands in for the handler of a write that runs in a frame."""
        for migration in self.migrations:
            frame.record("migrations.applied", migration.revision, 1, after=migration)
        if self.result.dropped:
            frame.summary = {"dropped": self.result.dropped}
        return self.result


def owner_url(state: State) -> str:
    """The connection of the owning role.

    Raises: OwnerUrlMissing.
    """
    if not state.settings.database_owner_url:
        raise OwnerUrlMissing()
    return state.settings.database_owner_url


def app_role(state: State) -> str:
    """The role that the application connects as, which migrations grant to."""
    return make_url(state.settings.database_url).username or "rtp_app"


async def run(state: State, asked: Asked) -> Done:
    """Carry out, plan, or answer again.

    Raises: what `applying.apply` raises; OwnerUrlMissing, PlanNotKept, PlanOutdated and its kin.
    """
    data: ApplyMigrations = asked.arguments["data"]
    wanted = Applying(owner_url(state), app_role(state), asked.principal.name, data)
    if asked.key and await _kept(state):
        async with state.frames.reading(operation=APPLY.id, principal=asked.principal, trace=asked.trace) as frame:
            found = await answers.find(frame, asked.key, asked.fingerprint())
        if found is not None:
            return Done(found.status, found.body, replayed=True)
    if asked.dry_run or asked.plan:
        outcome = Outcome(*await asyncio.to_thread(applying.preview, wanted))
        if asked.dry_run:
            return await _plan(state, asked, outcome)
        plan_id = await _compare(state, asked, outcome)
    else:
        plan_id = None
    return await _apply(state, asked, wanted, plan_id)


async def _plan(state: State, asked: Asked, outcome: Outcome) -> Done:
    if not await _kept(state):
        raise PlanNotKept()
    noting = replace(asked.endpoint, handler=outcome.note, outside=None)
    return await writes.plan(state, replace(asked, endpoint=noting))


async def _compare(state: State, asked: Asked, outcome: Outcome) -> UUID:
    async with state.frames.reading(operation=APPLY.id, principal=asked.principal, trace=asked.trace) as frame:
        plan = await plans.get(frame, asked.plan)
        if plan.fingerprint != asked.fingerprint():
            raise plans.PlanForOther(key=asked.plan, planned=plan.request.operation)
        plans.check(plan, state.frames.clock.now())
        plans.compare(frame, plan, await outcome.note(frame, asked.arguments["data"]))
    return plan.id


async def _apply(state: State, asked: Asked, wanted: Applying, plan_id: UUID | None) -> Done:
    applied: list[AppliedMigration] = []
    try:
        result = await asyncio.to_thread(applying.apply, wanted, applied)
        state.gate.forget()
    except RtpError:
        if applied:  # what went before the failure stays, and was done by somebody
            broken = ApplyResult(before="", after=applied[-1].revision, dropped=[], applied=applied)
            await _note(state, asked, broken, None, store=False)
        raise
    body = msgspec.json.encode(result)
    if await _kept(state):
        await _note(state, asked, result, plan_id, store=bool(asked.key))
    return Done(APPLY.status, body)


async def _note(state: State, asked: Asked, result: ApplyResult, plan_id: UUID | None, *, store: bool) -> None:
    options: dict[str, Any] = {"principal": asked.principal, "trace": asked.trace, "reason": asked.reason}
    async with state.frames.writing(operation=APPLY.id, plan_id=plan_id, **options) as frame:
        migrations = [Migration(revision=one.revision, name=one.name) for one in result.applied]
        await Outcome(result, migrations).note(frame, asked.arguments["data"])
        if plan_id is not None:
            used = update(records.plans).where(records.plans.c.id == plan_id)
            await frame.execute(used.values(used_at=frame.now))
        if store:
            frame.answer(asked.key, asked.fingerprint(), 200, msgspec.json.encode(result))


async def _kept(state: State) -> bool:
    async with state.database.reading() as connection:
        return bool((await connection.execute(_KEPT)).scalar_one())
