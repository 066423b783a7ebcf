"""The edge: one pure ASGI layer that gives every request its id, trace, principal, metrics and log line."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
from litestar import Litestar
from litestar.types import Message, Receive, Send
from sqlalchemy.exc import SQLAlchemyError

from rtp.errors import GoingDown, Problem, RtpError
from rtp.kit import trace as traces
from rtp_server import problems
from rtp_server.edge import logs, metrics, principals
from rtp_server.edge.history import History
from rtp_server.state import State

_READING = ("GET", "HEAD")
_OPEN = ("/health/", "/openapi", "/docs")


class Edge:
    """Wraps the Litestar application."""

    def __init__(self, app: Litestar) -> None:
        self.app = app
        self.state: State = app.state.rtp
        self.history = History(self.state)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._live(scope, receive, send)
            return
        begun = time.perf_counter()
        headers = {name: value for name, value in scope["headers"] if name in _WANTED}
        trace = traces.start(_text(headers, b"traceparent"), _text(headers, b"x-request-id"))
        traces.current.set(trace)
        shared: dict[str, Any] = {"trace": trace, "request_id": trace.request_id}
        scope["state"] = shared
        if b"x-no-compression" in headers:
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        status, begun_answer = 500, False

        async def sending(message: Message) -> None:
            nonlocal status, begun_answer
            if message["type"] == "http.response.start":
                begun_answer = True
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", trace.request_id.encode())]
            await send(message)

        try:
            await self._serve(scope, receive, sending, shared, _text(headers, b"authorization"))
        except asyncio.CancelledError:
            # Cut off at the end of the drain. Of a write nothing is said: it may be committed, its outcome is unknown.
            if begun_answer or scope["method"] not in _READING:
                raise
            shared["problem"] = GoingDown.code()
            await _refuse(sending, GoingDown().problem(trace.request_id))
        finally:
            route = scope.get("path_template") or "unmatched"
            seconds = time.perf_counter() - begun
            metrics.observe(scope["method"], route, status, seconds)
            self.history.note(scope, route, status, seconds)
            logs.access(scope, route, status, seconds)

    async def _live(self, scope: Any, receive: Receive, send: Send) -> None:
        """The process's life: the history is written until the application closes what it is written with."""

        async def receiving() -> Any:
            message: Any = await receive()
            if message["type"] == "lifespan.startup":
                self.history.start()
            elif message["type"] == "lifespan.shutdown":
                await self.history.stop()
            return message

        await self.app(scope, receiving, send)

    async def _serve(
        self, scope: Any, receive: Receive, send: Send, shared: dict[str, Any], authorization: str
    ) -> None:
        try:
            if not scope["path"].startswith(_OPEN):
                shared["principal"] = await principals.of(self.state, scope, authorization, shared["trace"])
        except (RtpError, SQLAlchemyError) as error:
            known = problems.translate(error)  # a busy database says so here too, before any route has a say
            if known is None:
                raise
            shared["problem"] = known.code()
            await _refuse(send, known.problem(shared["request_id"]))
            return
        await self.app(scope, receive, send)


async def _refuse(send: Send, problem: Problem) -> None:
    """A problem as an answer, before Litestar has a say."""
    body = msgspec.json.encode(problem)
    headers = [(b"content-type", problems.MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    if problem.retryable:
        headers.append((b"retry-after", b"1"))
    start: Any = {"type": "http.response.start", "status": problem.status, "headers": headers}
    end: Any = {"type": "http.response.body", "body": body, "more_body": False}
    await send(start)
    await send(end)


_WANTED = frozenset({b"traceparent", b"x-request-id", b"authorization", b"x-no-compression"})


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
