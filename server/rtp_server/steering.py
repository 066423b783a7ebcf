"""How the sandbox is steered: it is told outside of any frame, then a frame notes what was done.

A plan is compared before, so that nothing is told that would not be noted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from rtp.db import plans
from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.payments import service as payments
from rtp.payments.http_provider import HttpProvider
from rtp.payments.schemas import Payment
from rtp.sandbox import service
from rtp.sandbox.schemas import Control, SandboxDispute
from rtp_server import writes
from rtp_server.state import State
from rtp_server.writes import Asked, Done


@dataclass
class Outcome:
    """What is noted in a frame: the change, and the answer."""

    type: str
    target: str
    before: Any
    result: Any
    user_id: int | None = None

    async def note(self, frame: Frame, **_: Any) -> Any:
        """Record it; stands in for the handler of a write that runs in a frame."""
        frame.record(self.type, self.target, 0, user_id=self.user_id, before=self.before, after=self.result)
        return self.result


async def control(state: State, asked: Asked) -> Done:
    """Carry out, plan, or answer again a change of the controls; without a body they are put back.

    Raises: SandboxNotOnProd, ProviderUnavailable, PlanOutdated and its kin.
    """
    wanted: Control = asked.arguments.get("data") or Control()
    async with service.provider(state.settings) as sandbox:
        name = "sandbox.reset" if wanted == Control() else "sandbox.set"
        outcome = Outcome(name, "sandbox", await sandbox.control(), wanted)
        await _compare(state, asked, outcome)
        if not asked.dry_run:
            await service.steer(sandbox, wanted)
    return await _note(state, asked, outcome)


async def dispute(state: State, asked: Asked) -> Done:
    """Carry out, plan, or answer again a cardholder's objection.

    Raises: PaymentNotFound, PaymentNotCharged, DisputeNotOpened, SandboxNotOnProd, PlanOutdated and its kin.
    """
    options: dict[str, Any] = {"operation": asked.endpoint.operation.id, "principal": asked.principal}
    async with state.frames.reading(trace=asked.trace, **options) as frame:
        payment = await payments.find(frame, asked.arguments["payment"])
    key = asked.key or str(uuid4())
    async with service.provider(state.settings) as sandbox:
        if asked.dry_run or asked.plan:
            outcome = _opened(payment.user_id, await _disputed(sandbox, asked, payment, key, dry_run=True))
            await _compare(state, asked, outcome)
        if not asked.dry_run:
            outcome = _opened(payment.user_id, await _disputed(sandbox, asked, payment, key, dry_run=False))
    return await _note(state, asked, outcome)


async def _disputed(
    sandbox: HttpProvider, asked: Asked, payment: Payment, key: str, *, dry_run: bool
) -> SandboxDispute:
    return await service.dispute(sandbox, payment, asked.arguments["data"], key=key, dry_run=dry_run)


def _opened(user: str, found: SandboxDispute) -> Outcome:
    return Outcome("sandbox.disputed", found.payment, None, found, ids.parse_user(user))


async def _compare(state: State, asked: Asked, outcome: Outcome) -> None:
    if not asked.plan:
        return
    options: dict[str, Any] = {"operation": asked.endpoint.operation.id, "principal": asked.principal}
    async with state.frames.reading(trace=asked.trace, **options) as frame:
        plan = await plans.get(frame, asked.plan)
        if plan.fingerprint != asked.fingerprint():
            raise plans.PlanForOther(key=asked.plan, planned=plan.request.operation)
        plans.check(plan, state.frames.clock.now())
        plans.compare(frame, plan, await outcome.note(frame))


async def _note(state: State, asked: Asked, outcome: Outcome) -> Done:
    return await writes.run(state, replace(asked, endpoint=replace(asked.endpoint, handler=outcome.note, outside=None)))
