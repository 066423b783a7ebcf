"""Turns a handler and its declared operation into a Litestar route.

A handler takes a frame, its path parameters, `data` for the body, filters, and `page` for a list; everything else that
a read, a list or a write needs is added here, in one place.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, get_origin, get_type_hints

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import ResponseHeader
from litestar.enums import RequestEncodingType
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, HeaderParameter, PathParameter, QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import MAX_LIMIT, PageRequest
from rtp.errors import InvalidInput, NotAllowed, NotLoggedIn, Problem
from rtp.kit.text import find_nul
from rtp.operations import Operation, Page, Plan
from rtp.permissions import Principal
from rtp_server import bodies, openapi, writes
from rtp_server.keys import key_of
from rtp_server.state import State

Handler = Callable[..., Awaitable[Any]]
Outside = Callable[[State, "writes.Asked"], Awaitable["writes.Done"]]
AnyRequest = Request[Any, Any, Any]

BODY_LIMIT = 1_000_000
IMPORT_LIMIT = 5_000_000
"""Bytes at which a body ends: JSON, and the NDJSON of an import."""

OPEN = "open to everybody"
"""The permission of a route that answers without a token."""

_RESERVED = frozenset({"state", "query", "headers", "cookies", "body", "scope", "socket"})
"""Names that Litestar gives a meaning of its own."""

_LIST_PARAMETERS: dict[str, Any] = {
    "limit": (Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="Rows on a page.")], 50),
    "cursor": (Annotated[str, QueryParameter(max_length=2000, description="`next` of the page before.")], ""),
    "since": (Annotated[str, QueryParameter(max_length=64, description="From this instant or age (24h, 7d).")], ""),
    "until": (Annotated[str, QueryParameter(max_length=64, description="Before this instant or age.")], ""),
    "sort": (Annotated[str, QueryParameter(max_length=40, description="Order; `-` in front for descending.")], ""),
}
_WRITE_PARAMETERS: dict[str, Any] = {
    "dry_run": (Annotated[bool, QueryParameter(description="Plan it only: answers 202 with the plan.")], False),
    "plan": (Annotated[str, QueryParameter(max_length=40, description="Commit only if this plan still fits.")], ""),
    "reason": (Annotated[str, QueryParameter(max_length=500, description="Why, for the audit.")], ""),
    "idempotency_key": (
        Annotated[str, HeaderParameter(name="Idempotency-Key", max_length=255, description="Names the intent.")],
        "",
    ),
}


@dataclass(frozen=True)
class Endpoint:
    """An operation with the handler that carries it out.

    `outside` carries a write out where no frame may be open around it; the handler then only notes the outcome.
    """

    operation: Operation[Any, Any]
    handler: Handler
    outside: Outside | None = None

    @cached_property
    def takes_state(self) -> bool:
        """Whether the handler works outside of any frame; kept, because reading type hints costs as much as a query."""
        return next(iter(get_type_hints(self.handler).values())) is State

    async def call(self, frame: Frame, arguments: dict[str, Any]) -> Any:
        """Run the handler in a frame."""
        return await self.handler(frame, **arguments)

    def convert(self, query: dict[str, Any]) -> dict[str, Any]:
        """Query values that were stored as plain JSON, as the handler wants them."""
        hints = get_type_hints(self.handler)
        return {name: msgspec.convert(value, hints[name]) for name, value in query.items()}


class Route(HTTPRouteHandler):
    """A route whose guards are given the route itself; Litestar would make them a copy of it in each request."""

    async def authorize_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Ask each guard, outermost first."""
        for guard in self.resolve_guards():
            await guard(connection, self)  # type: ignore[misc]


def operation(
    declared: Operation[Any, Any], *, outside: Outside | None = None
) -> Callable[[Handler], HTTPRouteHandler]:
    """Make a route of a handler; one that reads and takes the State instead of a frame works outside of any."""

    def decorate(handler: Handler) -> HTTPRouteHandler:
        endpoint = Endpoint(declared, handler, outside)
        runner = {"read": _read, "list": _list, "write": _write}[declared.kind]

        async def endpoint_of(request: AnyRequest, **arguments: Any) -> Any:
            return await runner(endpoint, request, {_own(name): value for name, value in arguments.items()})

        _sign(endpoint_of, endpoint)
        return Route(
            re.sub(r"\{(\w+)\}", r"{\1:str}", declared.path),
            http_method=[declared.method],
            status_code=declared.status,
            operation_id=declared.id,
            name=declared.id,
            tags=[declared.area],
            summary=(handler.__doc__ or "").split("\n")[0],
            responses=_responses(declared),
            response_headers=_headers(declared),
            request_max_body_size=IMPORT_LIMIT if declared.media == "ndjson" else BODY_LIMIT,
            operation_class=openapi.operation_class(declared),
            opt={"endpoint": endpoint, "permission": declared.id},
        )(endpoint_of)

    return decorate


async def permitted(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The guard of every route: runs before anything of the request is read, and refuses what names no permission.

    Raises: NotLoggedIn, NotAllowed.
    """
    permission = handler.opt.get("permission", "")
    if permission == OPEN or connection.scope["path"].startswith(("/docs", "/openapi")):
        return
    principal: Principal | None = connection.scope["state"].get("principal")
    if principal is None:
        raise NotLoggedIn()
    state: State = connection.app.state.rtp
    if not state.permissions.allows(principal.role, permission):
        raise NotAllowed(role=principal.role, permission=permission)


def principal_of(request: AnyRequest) -> Principal:
    """Who asks; the guard has let them pass."""
    principal: Principal = request.scope["state"]["principal"]
    return principal


async def _read(endpoint: Endpoint, request: AnyRequest, arguments: dict[str, Any]) -> Any:
    state: State = request.app.state.rtp
    principal = principal_of(request)
    _refuse_nul(arguments)
    if endpoint.takes_state:
        return await endpoint.handler(state, **arguments)
    reading = state.frames.reading(
        operation=endpoint.operation.id, principal=principal, trace=request.scope["state"]["trace"]
    )
    async with reading as frame:
        return await endpoint.call(frame, arguments)


async def _list(endpoint: Endpoint, request: AnyRequest, arguments: dict[str, Any]) -> Any:
    state: State = request.app.state.rtp
    paging = {name: arguments.pop(name) for name in _LIST_PARAMETERS}
    page = PageRequest(operation=endpoint.operation.id, secret=state.secret, filters=dict(arguments), **paging)
    return await _read(endpoint, request, {**arguments, "page": page})


async def _write(endpoint: Endpoint, request: AnyRequest, arguments: dict[str, Any]) -> Response[bytes]:
    state: State = request.app.state.rtp
    control = {name: arguments.pop(name) for name in _WRITE_PARAMETERS}
    principal = principal_of(request)
    if endpoint.operation.media == "ndjson":
        arguments["data"] = bodies.utf8(await request.body())
    _refuse_nul(arguments)
    _refuse_nul(control)
    asked = writes.Asked(
        endpoint=endpoint,
        principal=principal,
        trace=request.scope["state"]["trace"],
        arguments=arguments,
        path=request.path_params,
        dry_run=control["dry_run"],
        plan=control["plan"],
        reason=control["reason"],
        key=key_of(control["idempotency_key"]),
    )
    done = await writes.run(state, asked)
    request.scope["state"]["replayed"] = done.replayed
    return Response(
        done.body,
        status_code=done.status,
        media_type="application/json",
        headers={"Idempotency-Replayed": "true"} if done.replayed else {},
    )


def _refuse_nul(arguments: dict[str, Any]) -> None:
    if (path := find_nul(arguments)) is not None:
        name = path.removeprefix("data.")
        raise InvalidInput(what=f"{name} contains a NUL character", fields={name: "contains a NUL character"})


def _sign(endpoint_of: Callable[..., Any], endpoint: Endpoint) -> None:
    """Give the route the parameters that Litestar is to parse: the handler's own and those of its kind."""
    declared = endpoint.operation
    hints = get_type_hints(endpoint.handler, include_extras=True)
    parameters = dict(inspect.signature(endpoint.handler).parameters)
    parameters.pop(next(iter(parameters)))
    parameters.pop("page", None)
    if declared.media == "ndjson":
        parameters.pop("data", None)
    made = [inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=AnyRequest)]
    for name, parameter in parameters.items():
        annotation = _marked(name, hints[name], declared)
        made.append(
            parameter.replace(name=_litestars(name), kind=inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
        )
    extra = {"list": _LIST_PARAMETERS, "write": _WRITE_PARAMETERS, "read": {}}[declared.kind]
    for name, (annotation, default) in extra.items():
        made.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default))
    returns = Page[declared.returns] if declared.kind == "list" else declared.returns  # type: ignore[name-defined]
    endpoint_of.__name__ = declared.id.replace(".", "_")
    endpoint_of.__doc__ = endpoint.handler.__doc__
    endpoint_of.__annotations__ = {item.name: item.annotation for item in made} | {"return": returns}
    endpoint_of.__signature__ = inspect.Signature(made, return_annotation=returns)  # type: ignore[attr-defined]


def _marked(name: str, hint: Any, declared: Operation[Any, Any]) -> Any:
    """Say where a parameter comes from: the body, the path, else the query."""
    if name == "data":
        return Annotated[hint, Body(media_type=RequestEncodingType.JSON)]
    if f"{{{name}}}" in declared.path:
        return Annotated[hint, PathParameter()]
    return hint if get_origin(hint) is Annotated else Annotated[hint, QueryParameter(name=name)]


def _litestars(name: str) -> str:
    """The name of a filter as Litestar's function has it: `state` and its like mean something else there."""
    return f"{name}_filter" if name in _RESERVED else name


def _own(name: str) -> str:
    """The handler's name for an argument."""
    own = name.removesuffix("_filter")
    return own if own in _RESERVED else name


def _responses(declared: Operation[Any, Any]) -> dict[int, ResponseSpec]:
    codes = [400, 401, 403, 404, 503]  # 404 of a list: a filter names a member who is not there
    if declared.body is not None:
        codes += [413]
    if declared.kind == "write":
        codes += [409, 422]
    specs = {
        code: ResponseSpec(Problem, media_type="application/problem+json", generate_examples=False)
        for code in sorted(codes)
    }
    if declared.kind == "write":
        specs[202] = ResponseSpec(
            Plan, description="The plan of a dry run; nothing was changed.", generate_examples=False
        )
    return specs


def _headers(declared: Operation[Any, Any]) -> list[ResponseHeader]:
    if declared.kind != "write":
        return []
    return [ResponseHeader(name="Idempotency-Replayed", documentation_only=True, description="`true` on a replay.")]
