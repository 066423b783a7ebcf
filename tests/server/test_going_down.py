"""A server that goes down with a request under way: what reads is told so, what writes is left unknown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from rtp.settings import Settings
from rtp_server.app import create_app

LONG = 20


@asynccontextmanager
async def serving(settings: Settings, socket: Path) -> AsyncIterator[tuple[uvicorn.Server, httpx.AsyncClient]]:
    """The application behind the server that it has in production, which waits for nothing when it is to end."""
    config = uvicorn.Config(
        create_app(settings), uds=str(socket), http="httptools", ws="none", lifespan="on", log_config=None,
        access_log=False, timeout_graceful_shutdown=0,
    )  # fmt: skip
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(transport=transport, base_url="http://rtp", timeout=30) as client:
            yield server, client
        server.should_exit = True
        await running


async def ended(server: uvicorn.Server, asking: asyncio.Task[httpx.Response]) -> httpx.Response:
    """What a request is answered that the server's end cuts off."""
    while not server.server_state.tasks and not asking.done():  # noqa: ASYNC110 - nor for this
        await asyncio.sleep(0.01)
    server.should_exit = True
    return await asking


async def test_a_long_wait_is_told_that_the_server_goes_down_and_may_be_asked_again(
    settings: Settings, tmp_path: Path
) -> None:
    async with serving(settings, tmp_path / "api.sock") as (server, client):
        made = (await client.post("/v1/webhooks/endpoints", json={"kind": "listen"})).json()
        query: dict[str, Any] = {"endpoint": made["id"], "wait": LONG}
        answer = await ended(server, asyncio.create_task(client.get("/v1/webhooks/due", params=query)))
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert (problem["code"], problem["retryable"], problem["exit_code"]) == ("going_down", True, 13)
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-request-id"] == problem["request_id"] != ""


async def test_a_write_that_is_cut_off_is_not_told_that_nothing_was_changed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be committed: the client takes an answer that is no problem for an unknown outcome."""
    from rtp_server import writes

    async def hangs(*_: Any) -> Any:
        await asyncio.sleep(LONG)

    monkeypatch.setattr(writes, "run", hangs)
    async with serving(settings, tmp_path / "api.sock") as (server, client):
        write = client.post("/v1/users", json={"email": "ada@example.com", "name": "Ada"})
        answer = await ended(server, asyncio.create_task(write))
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (500, "text/plain")
