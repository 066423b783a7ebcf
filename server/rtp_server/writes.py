"""How a write runs: key, plan or dry run, the handler in its frame, the stored answer, one commit."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from rtp.db import answers, plans
from rtp.db.answers import StoredAnswer
from rtp.db.frame import Frame
from rtp.errors import NotAllowed
from rtp.kit import canonical, failpoints, ids
from rtp.kit.clock import to_text
from rtp.kit.trace import Trace
from rtp.operations import Plan
from rtp.permissions import Principal
from rtp_server.state import State

if TYPE_CHECKING:
    from rtp_server.operation import Endpoint


@dataclass(frozen=True)
class Asked:
    """One write as it was asked for."""

    endpoint: Endpoint
    principal: Principal
    trace: Trace
    arguments: dict[str, Any]
    path: dict[str, str]
    dry_run: bool = False
    plan: str = ""
    reason: str = ""
    key: str = ""

    @property
    def request(self) -> plans.PlanRequest:
        """What is stored with a plan, so that it can be run again by its id alone."""
        query = {name: value for name, value in self.arguments.items() if name not in {"data", *self.path}}
        body = self.arguments.get("data")
        return plans.PlanRequest(
            operation=self.endpoint.operation.id,
            path=self.path,
            query=msgspec.to_builtins(query),
            body=body.decode() if isinstance(body, bytes) else msgspec.to_builtins(body, enc_hook=str),
            reason=self.reason,
        )

    def fingerprint(self) -> str:
        """A hash of operation, path, query, body and reason."""
        request = self.request
        return canonical.digest([request.operation, request.path, request.query, request.body, request.reason])


@dataclass(frozen=True)
class Done:
    """A finished write: HTTP status, body, and whether it was answered from the store."""

    status: int
    body: bytes
    replayed: bool = False


@dataclass
class _Run:
    """A write under way, with what a plan pinned."""

    pinned: tuple[datetime, int] | None = None
    plan_id: UUID | None = None
    fingerprint: str = ""
    found: StoredAnswer | None = field(default=None)


async def run(state: State, asked: Asked) -> Done:
    """Carry out, plan, or answer again.

    Raises: whatever the service refuses with; PlanOutdated and its kin; IdempotencyKeyMissing and its kin.
    """
    operation = asked.endpoint.operation
    if asked.endpoint.outside is not None:
        return await asked.endpoint.outside(state, asked)
    if asked.dry_run:
        return await plan(state, asked)
    if operation.money and not asked.key:
        raise answers.IdempotencyKeyMissing(operation=operation.id)
    run = _Run(fingerprint=asked.fingerprint())
    if asked.plan:
        run.pinned, run.plan_id = await _pinned(state, asked)
    status, body = operation.status, b""
    writing = state.frames.writing(
        operation=operation.id,
        principal=asked.principal,
        trace=asked.trace,
        reason=asked.reason,
        pinned=run.pinned,
        plan_id=run.plan_id,
    )
    try:
        with answers.first_of_its_key(asked.key):
            async with writing as frame:
                if asked.key:
                    run.found = await answers.find(frame, asked.key, run.fingerprint, telling=True)
                if run.found is not None:
                    raise _Replay
                result = await _carry_out(state, asked, frame)
                body = msgspec.json.encode(result, enc_hook=str)
                if asked.key:
                    kept = msgspec.json.encode(_without_secret(asked, result), enc_hook=str)
                    frame.answer(asked.key, run.fingerprint, status, kept)
                failpoints.reach("api.before_commit")
    except _Replay:
        assert run.found is not None
        return Done(run.found.status, run.found.body, replayed=True)
    failpoints.reach("api.after_commit")
    return Done(status, body)


class _Replay(Exception):
    """Leaves the frame without a commit: the answer is already there."""


async def _carry_out(state: State, asked: Asked, frame: Frame) -> Any:
    if not asked.plan:
        return await asked.endpoint.call(frame, asked.arguments)
    plan = await plans.get(frame, asked.plan, lock=True)
    plans.check(plan, state.frames.clock.now())
    result = await asked.endpoint.call(frame, asked.arguments)
    await plans.use(frame, plan, _compared(asked, result), state.frames.clock.now())
    return result


def _without_secret(asked: Asked, result: Any) -> Any:
    field = asked.endpoint.operation.secret
    return msgspec.structs.replace(result, **{field: ""}) if field else result


def _compared(asked: Asked, result: Any) -> Any:
    """What a plan compares of the answer: nothing of one with a secret, which is drawn anew each time."""
    return None if asked.endpoint.operation.secret else result


async def _pinned(state: State, asked: Asked) -> tuple[tuple[datetime, int], UUID]:
    """The instant and seed of the plan, after checking that it is this principal's plan for this request."""
    async with state.frames.reading(operation="plans.show", principal=asked.principal, trace=asked.trace) as frame:
        plan = await plans.get(frame, asked.plan)
    if plan.fingerprint != asked.fingerprint():
        raise plans.PlanForOther(key=asked.plan, planned=plan.request.operation)
    return (plan.pinned_at, plan.seed), plan.id


async def plan(state: State, asked: Asked) -> Done:
    """Carry a write out, roll it back, and store what it would have done."""
    operation = asked.endpoint.operation
    pinned = (state.frames.clock.now(), secrets.randbits(48))
    result: Any = None
    writing = state.frames.writing(
        operation=operation.id,
        principal=asked.principal,
        trace=asked.trace,
        reason=asked.reason,
        pinned=pinned,
        dry_run=True,
    )
    async with writing as frame:
        result = _compared(asked, await asked.endpoint.call(frame, asked.arguments))
    plan_id = state.frames.ids.uuid()
    plan = Plan(
        id=ids.show("plan", plan_id),
        operation=operation.id,
        created_at=to_text(pinned[0]),
        expires_at=to_text(pinned[0] + plans.LIFETIME),
        digest=frame.digest(result),
        changes=frame.changes(),
        jobs=frame.asks(),
        result=msgspec.to_builtins(result, enc_hook=str),
    )
    storing = state.frames.database.writing()
    async with storing as connection:
        note = Frame(
            connection,
            principal=asked.principal,
            trace=asked.trace,
            operation="plans.add",
            now=pinned[0],
            ids=state.frames.ids,
        )
        await plans.add(
            note, plan=plan, plan_id=plan_id, request=asked.request, fingerprint=asked.fingerprint(), pinned=pinned
        )
        await connection.commit()
    return Done(202, msgspec.json.encode(plan, enc_hook=str))


async def apply(state: State, plan_text: str, *, principal: Principal, trace: Trace, key: str,
                endpoints: dict[str, Endpoint]) -> Done:  # fmt: skip
    """Carry out a stored plan by its id alone; needs the permission of the planned operation.

    Raises: PlanNotFound, PlanUsed, PlanExpired, PlanOutdated, NotAllowed.
    """
    async with state.frames.reading(operation="plans.show", principal=principal, trace=trace) as frame:
        plan = await plans.get(frame, plan_text)
    request, endpoint = plan.request, endpoints[plan.request.operation]
    if not state.permissions.allows(principal.role, request.operation):
        raise NotAllowed(role=principal.role, permission=request.operation)
    if endpoint.outside is None:
        await state.gate.require()
    arguments: dict[str, Any] = {**request.path, **endpoint.convert(request.query)}
    if endpoint.operation.media == "ndjson":
        arguments["data"] = request.body.encode()
    elif endpoint.operation.body is not None:
        arguments["data"] = msgspec.convert(request.body, endpoint.operation.body)
    asked = Asked(
        endpoint=endpoint,
        principal=principal,
        trace=trace,
        arguments=arguments,
        path=request.path,
        plan=plan_text,
        reason=request.reason,
        key=key,
    )
    return await run(state, asked)
