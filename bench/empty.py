"""An ASGI application that answers at once with nothing to say: the least that a request through uvicorn costs."""

from __future__ import annotations

from typing import Any

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")],
}
BODY = {"type": "http.response.body", "body": b"{}"}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer `{}`."""
    await send(START)
    await send(BODY)
