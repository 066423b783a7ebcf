"""The application that tests talk to is the real one."""

from __future__ import annotations

import httpx
import pytest

from rtp.settings import Settings
from rtp.testing import asgi
from rtp_server.edge import Edge


async def test_the_socket_is_the_local_owners_and_the_network_needs_a_token(
    api: httpx.AsyncClient, app: asgi.App
) -> None:
    owner = await api.get("/v1/whoami")
    assert (owner.status_code, owner.json()["principal"]["role"]) == (200, "owner")
    async with asgi.client(app) as stranger:
        assert (await stranger.get("/v1/whoami")).status_code == 401
        assert (await stranger.get("/health/live")).status_code == 200


@pytest.mark.parametrize("visit", ["first", "second"])
async def test_an_application_whose_routes_served_before_has_nothing_of_that_time(
    api: httpx.AsyncClient, app: Edge, settings: Settings, visit: str
) -> None:
    assert app.state.settings == settings
    assert (await api.get("/v1/users")).json()["items"] == []
    made = await api.post(
        "/v1/users", json={"email": "ada@example.com", "name": "Ada"}, headers={"Idempotency-Key": "k"}
    )
    assert (made.status_code, "idempotency-replayed" in made.headers) == (201, False)
