"""Routes about the server itself: who am I, doctor, health, metrics."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy import text

from rtp.breakers import service as breakers
from rtp.db.frame import Frame
from rtp.errors import Problem, RtpError
from rtp.invariants import schemas as invariant_schemas
from rtp.invariants import service as invariants
from rtp.invariants.schemas import MoneyReport
from rtp.kit import trace
from rtp.meta import checks, schemas
from rtp.meta.schemas import Doctor, Health, WhoAmI
from rtp.migrations import schema
from rtp.payments import service as payments
from rtp.payments.errors import ProviderNotKnown, ProviderUnavailable
from rtp.permissions import WORKER
from rtp.refunds import service as refunds
from rtp.runtime.instance import Instance
from rtp.sagas import service as sagas
from rtp.subscriptions import service as subscriptions
from rtp_server.edge import metrics
from rtp_server.operation import OPEN, operation, principal_of
from rtp_server.state import State

_REFUSED = {
    code: ResponseSpec(Problem, media_type="application/problem+json", generate_examples=False)
    for code in (401, 403, 503)
}


@get(
    "/v1/whoami",
    operation_id=schemas.WHOAMI.id,
    name=schemas.WHOAMI.id,
    tags=["whoami"],
    summary="Who am I here?",
    opt={"permission": schemas.WHOAMI.id},
    responses=_REFUSED,
)
async def whoami(request: Request[Any, Any, Any]) -> WhoAmI:
    """Who the caller is, and what environment this is; works without a database."""
    state: State = request.app.state.rtp
    return WhoAmI(
        principal=principal_of(request),
        environment=state.settings.environment,
        instance=state.settings.home_folder().name,
        version=state.version,
    )


@operation(schemas.DOCTOR)
async def doctor(state: State) -> Doctor:
    """Check what the server depends on."""
    reading = state.frames.reading(operation=schemas.DOCTOR.id, principal=WORKER, trace=trace.start())
    async with reading as frame:
        found = await checks.all_checks(frame, Instance(state.settings).workers())
    return Doctor(checks=[*found, *state.additions.checks()])


@get(
    "/health/live",
    name="health.live",
    include_in_schema=True,
    operation_id="health.live",
    tags=["health"],
    security=[{}],
    opt={"permission": OPEN},
)
async def live() -> Health:
    """The process answers."""
    return Health("live")


@get(
    "/health/ready",
    name="health.ready",
    operation_id="health.ready",
    tags=["health"],
    security=[{}],
    opt={"permission": OPEN},
    responses={503: ResponseSpec(Health, description="Not ready.", generate_examples=False)},
)
async def ready(request: Request[Any, Any, Any]) -> Response[Health]:
    """The process can do its work: the database answers and its schema is the one this version knows."""
    state: State = request.app.state.rtp
    try:
        async with state.database.reading() as connection:
            await connection.execute(text("SELECT 1"))
            current = (await schema.state(connection)).state == "current"
    except RtpError:
        current = False
    return Response(Health("ready" if current else "not ready"), status_code=200 if current else 503)


@get(
    "/health/worker",
    name="health.worker",
    operation_id="health.worker",
    tags=["health"],
    security=[{}],
    opt={"permission": OPEN},
    responses={503: ResponseSpec(Health, description="Silent.", generate_examples=False)},
)
async def worker(request: Request[Any, Any, Any]) -> Response[Health]:
    """This instance's worker gave a sign of life a moment ago, as the database has it."""
    state: State = request.app.state.rtp
    try:
        async with state.frames.reading(operation="health.worker", principal=WORKER, trace=trace.start()) as frame:
            heard = await checks.hears(frame, Instance(state.settings).workers())
    except RtpError:
        heard = False
    return Response(Health("working" if heard else "silent"), status_code=200 if heard else 503)


@get(
    "/metrics",
    name="metrics.show",
    operation_id="metrics.show",
    tags=["metrics"],
    media_type="text/plain",
    opt={"permission": "metrics.show"},
    responses=_REFUSED,
)
async def show_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Prometheus metrics; needs the role viewer."""
    state: State = request.app.state.rtp
    reading = state.frames.reading(
        operation="metrics.show", principal=principal_of(request), trace=request.scope["state"]["trace"]
    )
    async with reading as frame:
        figures = await _figures(frame)
    return Response(metrics.exposition(figures), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _figures(frame: Frame) -> metrics.Figures:
    stuck, late = await sagas.waiting(frame)
    money_rules = await invariants.last(frame)
    return metrics.Figures(
        active_subscriptions=await subscriptions.active_count(frame),
        failures=await payments.failures(frame),
        breakers=await breakers.every(frame),
        refunds=await refunds.unsettled(frame),
        sagas_stuck=stuck,
        sagas_late=late,
        rules_broken=len(money_rules.broken),
        rules_unjudged=len(money_rules.unjudged),
    )


@get("/openapi.json", name="openapi.show", include_in_schema=False, opt={"permission": OPEN})
async def openapi_document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The OpenAPI document; /docs shows it as a page."""
    return request.app.openapi_schema.to_schema()


@operation(invariant_schemas.MONEY)
async def money(state: State) -> MoneyReport:
    """Look at every invariant of money; the provider is asked before the database is."""
    about: dict[str, Any] = {"operation": invariant_schemas.MONEY.id, "principal": WORKER, "trace": trace.start()}
    record = await _record(state)
    async with state.frames.reading(**about) as frame:
        return await invariants.examine(frame, record)


async def _record(state: State) -> invariants.Record:
    try:
        provider = state.provider
    except (ProviderUnavailable, ProviderNotKnown) as error:
        return invariants.Record(provider=state.settings.provider, silence=error.message)
    return await invariants.ask(provider, state.frames.clock.now())


HANDLERS = (doctor, money)
OPEN_HANDLERS = (whoami, live, ready, worker, show_metrics, openapi_document)
