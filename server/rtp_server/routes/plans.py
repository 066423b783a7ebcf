"""Routes of plans: show one, or carry it out by its id alone."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter

from rtp.db import plans as stored
from rtp.db.frame import Frame
from rtp.errors import Problem
from rtp.plans import schemas
from rtp.plans.schemas import Asked, PlanDetail
from rtp_server import writes
from rtp_server.keys import key_of
from rtp_server.operation import operation, principal_of
from rtp_server.state import State


@operation(schemas.SHOW)
async def show(frame: Frame, plan: str) -> PlanDetail:
    """Show what a plan would do."""
    found = await stored.get(frame, plan)
    body = None if isinstance(found.request.body, str) else found.request.body
    return PlanDetail(**msgspec.structs.asdict(found.document), asked=Asked(path=found.request.path, body=body))


@post(
    "/plans/{plan:str}/apply",
    operation_id=schemas.APPLY.id,
    name=schemas.APPLY.id,
    tags=["plans"],
    summary="Carry out a plan, if the world has not moved.",
    status_code=200,
    opt={"permission": schemas.APPLY.id},
    responses={
        code: ResponseSpec(Problem, media_type="application/problem+json", generate_examples=False)
        for code in (400, 401, 403, 404, 409, 422, 503)
    }
    | {201: ResponseSpec(dict[str, Any], description="What the planned operation answers.", generate_examples=False)},
)
async def apply(
    request: Request[Any, Any, Any],
    plan: FromPath[str],
    idempotency_key: Annotated[str, HeaderParameter(name="Idempotency-Key", max_length=255)] = "",
) -> Any:
    """Carry out a plan; needs the permission of the planned operation."""
    state: State = request.app.state.rtp
    principal = principal_of(request)
    done = await writes.apply(
        state,
        plan,
        principal=principal,
        trace=request.scope["state"]["trace"],
        key=key_of(idempotency_key),
        endpoints=request.app.state.endpoints,
    )
    return Response(
        done.body,
        status_code=done.status,
        media_type="application/json",
        headers={"Idempotency-Replayed": "true"} if done.replayed else {},
    )


HANDLERS = (show, apply)
