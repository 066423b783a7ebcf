"""Routes of received webhooks: the door that providers knock at, and what support sees of it."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, RequestBody, Schema
from litestar.openapi.spec import Operation as OpenAPIOperation
from litestar.params import PathParameter, QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.errors import Problem
from rtp.kit import failpoints
from rtp.operations import Page
from rtp.payments.errors import WebhookForged, WebhookStale
from rtp.permissions import WORKER
from rtp.webhooks import received, received_senders, schemas
from rtp.webhooks.schemas import Received, ReceivedDetail, ReceivedState, Taken
from rtp_server.edge import metrics
from rtp_server.operation import OPEN, operation
from rtp_server.state import State

BODY_LIMIT = 262_144
"""Bytes at which a webhook ends: providers send objects of a few kilobytes, and anybody may knock here."""
OPERATION_ID = "webhooks.receive"

Type = Annotated[str, QueryParameter(max_length=100, description="Such as refund.failed, or refund.* for all of it.")]
Provider = Annotated[str, QueryParameter(max_length=40, description="Name of a provider.")]
About = Annotated[str, QueryParameter(max_length=64, description="Our id of its object: a payment or a refund.")]


class _RawBody(OpenAPIOperation):
    """Documents the body by hand: it is read as bytes, because the signature is over the bytes."""

    def __post_init__(self) -> None:
        schema = Schema(type=OpenAPIType.OBJECT)
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=schema)},
            description="An event as the provider signs it, at most 256 KB.",
            required=True,
        )


@post(
    "/webhooks/{provider:str}",
    operation_id=OPERATION_ID,
    name=OPERATION_ID,
    tags=["webhooks"],
    summary="Take an event that a provider signed.",
    status_code=200,
    security=[{}],
    opt={"permission": OPEN},
    request_max_body_size=BODY_LIMIT,
    operation_class=_RawBody,
    responses={
        code: ResponseSpec(Problem, media_type="application/problem+json", generate_examples=False)
        for code in (400, 401, 404, 413, 503)
    },
)
async def receive(
    request: Request[Any, Any, Any], provider: Annotated[str, PathParameter(description="Name of a provider.")]
) -> Taken:
    """Take an event that a provider signed; no token, only the signature over the raw bytes.

    Answered as soon as the event is kept; what it changes here comes in a job. A repeated event changes nothing.
    """
    state: State = request.app.state.rtp
    sender = received_senders.find(state.senders, provider)
    body = await request.body()
    try:
        message = received_senders.open_message(sender, request.headers, body, state.frames.clock.now())
    except (WebhookForged, WebhookStale) as error:
        metrics.webhook(sender.provider, "forged" if isinstance(error, WebhookForged) else "stale")
        raise
    await state.gate.require()
    trace = request.scope["state"]["trace"]
    async with state.frames.writing(operation=OPERATION_ID, principal=WORKER, trace=trace) as frame:
        taken = await received.take(frame, message)
        failpoints.reach("webhook.before_commit")
    failpoints.reach("webhook.after_commit")
    metrics.webhook(sender.provider, "repeated" if taken.duplicate else "taken")
    return taken


@operation(schemas.RECEIVED_LIST)
async def list_received(
    frame: Frame, page: PageRequest, state: ReceivedState | None = None, type: Type = "", provider: Provider = "",
    about: About = "",
) -> Page[Received]:  # fmt: skip
    """List the events that providers sent, newest first."""
    return await received.page(frame, page, state=state, type=type, provider=provider, about=about)


@operation(schemas.RECEIVED_SHOW)
async def show(frame: Frame, event: str) -> ReceivedDetail:
    """Show an event, what came over the wire, and what it did."""
    return await received.show(frame, event)


@operation(schemas.RECEIVED_RETRY)
async def retry(frame: Frame, event: str) -> Received:
    """Process an event again that had no effect yet."""
    return await received.retry(frame, event)


HANDLERS = (receive, list_received, show, retry)
