"""The application: the edge in front, Litestar under /v1 behind it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from litestar import Litestar, Router
from litestar.config.compression import CompressionConfig
from litestar.handlers import HTTPRouteHandler

from rtp.errors import InvalidInput
from rtp.kit import failpoints
from rtp.permissions import OPEN as OPENED
from rtp.settings import Settings
from rtp_server import openapi, plugging, problems
from rtp_server import state as states
from rtp_server.bodies import StrictRequest
from rtp_server.edge import Edge
from rtp_server.edge.logs import configure
from rtp_server.operation import BODY_LIMIT, OPEN, Endpoint, permitted
from rtp_server.routes import HANDLERS, OPEN_HANDLERS
from rtp_server.schema_gate import guard


def create_app(settings: Settings, ended: Edge | None = None) -> Edge:
    """The ASGI application of one API process; opens its connections on start-up.

    `ended` is one that this process has shut down: where no plugin adds routes, its own are served anew, since to
    register them takes longer than many a test.
    """
    configure(settings.log_level)
    arm_failpoint(settings)
    state = states.build(settings, states.signing_key(settings))
    plugging.attach(state, os.environ)
    if ended is None or state.additions.routes or ended.state.additions.routes:
        return Edge(serve(register(state.additions.routes), state))
    return Edge(serve(ended.app, state))


def register(additions: Sequence[HTTPRouteHandler]) -> Litestar:
    """The part behind the edge, with every route and no state yet."""
    routes = Router("/v1", route_handlers=[*HANDLERS, *additions], guards=[guard])
    app = Litestar(
        route_handlers=[routes, *OPEN_HANDLERS],
        guards=[permitted],
        exception_handlers={Exception: problems.handle},
        openapi_config=openapi.config(),
        plugins=[openapi.ClosedObjects()],
        compression_config=CompressionConfig(backend="gzip", gzip_compress_level=6, minimum_size=1024),
        request_class=StrictRequest,
        request_max_body_size=BODY_LIMIT,
        logging_config=None,
        debug=False,
    )
    app.state.endpoints = endpoints_of(app)
    if opened := sorted(_opened(app) - OPENED):
        raise RuntimeError(f"routes that are open without standing in rtp.permissions.OPEN: {', '.join(opened)}")
    return app


def serve(app: Litestar, state: states.State) -> Litestar:
    """The same routes, answering from this state."""
    missing = [name for name in app.state.endpoints if not _known(state, name)]
    if missing:
        raise RuntimeError(f"operations without a role in rtp.permissions: {', '.join(sorted(missing))}")
    app.state.rtp = state
    app.on_startup = [state.gate.refuse_newer]
    app.on_shutdown = [state.close]
    return app


def endpoints_of(app: Litestar) -> dict[str, Endpoint]:
    """Every operation of the app by its id."""
    found: dict[str, Endpoint] = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            endpoint: Any = handler.opt.get("endpoint")
            if isinstance(endpoint, Endpoint):
                found[endpoint.operation.id] = endpoint
    return found


def _opened(app: Litestar) -> set[str]:
    """The routes that answer without a token, by operation id."""
    handlers = [handler for route in app.routes for handler in getattr(route, "route_handlers", [])]
    return {str(one.operation_id or one.name) for one in handlers if one.opt.get("permission") == OPEN}


def arm_failpoint(settings: Settings) -> None:
    """Arm the failpoint of the settings.

    Raises: InvalidInput on prod, or for an unknown name.
    """
    if not settings.failpoint:
        return
    if settings.environment == "prod":
        raise InvalidInput(what="RTP_FAILPOINT is refused on prod")
    try:
        failpoints.arm(settings.failpoint)
    except ValueError as error:
        raise InvalidInput(what=f"RTP_FAILPOINT: {error}") from error


def _known(state: states.State, operation: str) -> bool:
    try:
        state.permissions.needed(operation)
    except KeyError:
        return False
    return True
