"""The in-process application runs its lifespan and tells the socket from the network."""

from __future__ import annotations

from typing import Any

import pytest

from rtp.testing import asgi

seen: list[str] = []


async def echo(scope: Any, receive: asgi.Receive, send: asgi.Send) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            seen.append(message["type"])
            await send({"type": message["type"] + ".complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(scope["server"][1]).encode()})


async def failing(scope: Any, receive: asgi.Receive, send: asgi.Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def raising(scope: Any, receive: asgi.Receive, send: asgi.Send) -> None:
    raise RuntimeError("broken at import")


async def test_the_application_is_started_and_stopped_around_the_block() -> None:
    seen.clear()
    async with asgi.started(echo):
        assert seen == ["lifespan.startup"]
    assert seen == ["lifespan.startup", "lifespan.shutdown"]


async def test_requests_over_the_socket_carry_no_port() -> None:
    async with asgi.client(echo, socket=True) as owner, asgi.client(echo) as stranger:
        assert (await owner.get("/")).text == "None"
        assert (await stranger.get("/")).text == "8000"


async def test_a_token_goes_into_the_authorization_header() -> None:
    async with asgi.client(echo, token="rtp_abc") as client:
        assert client.headers["authorization"] == "Bearer rtp_abc"


async def test_a_failed_start_is_raised_with_its_reason() -> None:
    with pytest.raises(asgi.LifespanFailed, match="no database"):
        async with asgi.started(failing):
            pass
    with pytest.raises(RuntimeError, match="broken at import"):
        async with asgi.started(raising):
            pass
