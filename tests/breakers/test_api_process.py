"""What an API process asks of the provider goes through a breaker of its own, which is listed by its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from rtp.settings import Settings
from rtp.testing import asgi
from rtp_server import asking
from rtp_server.app import create_app
from tests.breakers.reports import NAME, listed

NOBODY = "http://127.0.0.1:9"
"""The discard port: nobody listens there."""


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Any]:
    made: Any = create_app(msgspec.structs.replace(settings, provider_url=NOBODY, provider_token="none"))
    async with asgi.started(made):
        yield made


async def record(api: httpx.AsyncClient) -> str:
    checks = (await api.get("/v1/doctor/money")).json()["checks"]
    return next(str(one["detail"]) for one in checks if one["name"] == "provider record")


async def test_a_provider_that_is_away_is_not_asked_again_and_the_breaker_names_the_process(
    api: httpx.AsyncClient,
) -> None:
    assert await listed(api) == []
    first = await record(api)
    second = await record(api)
    assert first != second
    assert "failed too often" in second
    for _ in range(100):
        if [one for one in await listed(api) if one["circuit"] == "open"]:
            break
        await asyncio.sleep(0.05)
    [one] = await listed(api)
    assert (one["name"], one["circuit"], one["process"]) == (NAME, "open", asking.process())


async def test_a_process_that_ends_in_order_is_not_listed_any_more(app: Any, api: httpx.AsyncClient) -> None:
    await record(api)
    await app.state.asking.close()
    assert await listed(api) == []
