"""The real application in this process: its lifespan run, requests as over the instance's socket or over TCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


class LifespanFailed(AssertionError):
    """The application did not start or stop cleanly."""


def over_socket(app: App) -> App:
    """Requests as they come over the instance's unix socket, where no token means the local owner."""

    async def with_socket(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "server": ("rtp.sock", None)}
        await app(scope, receive, send)

    return with_socket


def client(app: App, *, token: str = "", socket: bool = False) -> httpx.AsyncClient:
    """A client of the application: over the socket, or over TCP, where the scope's server must have a port."""
    transport = httpx.ASGITransport(over_socket(app) if socket else app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers)


@asynccontextmanager
async def started(app: App) -> AsyncIterator[None]:
    """Run the application's start-up before and its shutdown after the block.

    Raises: LifespanFailed.
    """
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    try:
        await _ask(task, to_app, from_app, "startup")
        yield
        await _ask(task, to_app, from_app, "shutdown")
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _ask(
    task: asyncio.Future[None], to_app: asyncio.Queue[Message], from_app: asyncio.Queue[Message], what: str
) -> None:
    await to_app.put({"type": f"lifespan.{what}"})
    answer = asyncio.ensure_future(from_app.get())
    waiting: set[asyncio.Future[Any]] = {task, answer}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        answer.cancel()
        await task  # raises what the application raised
        raise LifespanFailed(f"the application ended during {what}")
    if answer.result()["type"] != f"lifespan.{what}.complete":
        raise LifespanFailed(str(answer.result().get("message", what)))
