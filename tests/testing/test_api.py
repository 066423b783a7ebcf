"""The application that tests talk to is the real one."""

from __future__ import annotations

import httpx

from rtp.testing import asgi


async def test_the_socket_is_the_local_owners_and_the_network_needs_a_token(
    api: httpx.AsyncClient, app: asgi.App
) -> None:
    owner = await api.get("/v1/whoami")
    assert (owner.status_code, owner.json()["principal"]["role"]) == (200, "owner")
    async with asgi.client(app) as stranger:
        assert (await stranger.get("/v1/whoami")).status_code == 401
        assert (await stranger.get("/health/live")).status_code == 200
