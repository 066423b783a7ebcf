"""Role x operation: the checked-in table, tested by a real call of each role on each operation."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import get

from rtp.permissions import OPEN, ROLES
from rtp.settings import Settings
from rtp.testing import asgi
from rtp_server import app as application
from rtp_server import operation, routes

UNDOCUMENTED = {"openapi.show"}
"""The document does not describe itself."""
TABLE = Path(__file__).parent / "permissions.csv"


def rows() -> list[dict[str, str]]:
    with TABLE.open() as file:
        return list(csv.DictReader(file))


def table() -> dict[str, dict[str, bool]]:
    """Operation id → role → whether it may, of what needs a token."""
    return {row["operation"]: {role: row[role] == "yes" for role in ROLES} for row in rows() if not is_open(row)}


def is_open(row: dict[str, str]) -> bool:
    return all(row[role] == "open" for role in ROLES)


async def documented(api: httpx.AsyncClient, *, opened: bool) -> dict[str, tuple[str, str]]:
    """Operation id → (method, path) of the OpenAPI document: what needs a token, or what is open to everybody."""
    document = (await api.get("/openapi.json")).json()
    return {
        spec["operationId"]: (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, spec in methods.items()
        if isinstance(spec, dict) and (spec.get("security") == [{}]) is opened
    }


async def operations(api: httpx.AsyncClient) -> dict[str, tuple[str, str]]:
    return await documented(api, opened=False)


async def test_the_table_names_every_operation_and_no_other(api: httpx.AsyncClient) -> None:
    assert sorted(table()) == sorted(await operations(api))


async def test_what_is_open_to_everybody_is_listed_documented_and_asks_for_no_token(
    app: asgi.App, api: httpx.AsyncClient
) -> None:
    opened = await documented(api, opened=True)
    assert opened.keys() == {row["operation"] for row in rows() if is_open(row)} == OPEN - UNDOCUMENTED
    async with asgi.client(app) as client:
        for method, path in opened.values():
            answer = await client.request(method, re.sub(r"\{\w+\}", "nothing", path), json=_body(method))
            assert answer.json().get("code") != "not_logged_in", path


def test_a_route_that_opens_itself_without_standing_in_the_list_keeps_the_server_down(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    @get("/back-door", operation_id="users.everything", opt={"permission": operation.OPEN})
    async def back_door() -> str:
        return "all of it"

    monkeypatch.setattr(application, "HANDLERS", (*routes.HANDLERS, back_door))
    with pytest.raises(RuntimeError, match=r"open without standing in rtp.permissions.OPEN: users.everything"):
        application.create_app(settings)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_what_the_table_says_and_nothing_else(
    role: str, api: httpx.AsyncClient, app: asgi.App
) -> None:
    token = (await api.post("/v1/tokens", json={"name": role, "role": role})).json()["token"]
    wrong: list[tuple[str, int]] = []
    async with asgi.client(app, token=token) as client:
        for operation, (method, path) in (await operations(api)).items():
            answer = await client.request(method, re.sub(r"\{\w+\}", "nothing", path), json=_body(method))
            refused = answer.status_code == 403 and answer.json()["code"] == "not_allowed"
            if refused is table()[operation][role] or answer.status_code == 401:
                wrong.append((operation, answer.status_code))
    assert wrong == []


async def test_without_a_token_nothing_but_what_is_open_answers_over_tcp(app: asgi.App, api: httpx.AsyncClient) -> None:
    async with asgi.client(app) as client:
        for method, path in (await operations(api)).values():
            answer = await client.request(method, re.sub(r"\{\w+\}", "nothing", path), json=_body(method))
            assert (answer.status_code, answer.json()["code"]) == (401, "not_logged_in"), path
        assert (await client.get("/health/live")).json() == {"state": "live"}


async def test_a_token_stops_at_the_next_request_after_it_is_revoked(app: asgi.App, api: httpx.AsyncClient) -> None:
    made = (await api.post("/v1/tokens", json={"name": "t", "role": "viewer"})).json()
    async with asgi.client(app, token=made["token"]) as client:
        assert (await client.get("/v1/whoami")).json()["principal"]["role"] == "viewer"
        await api.post(f"/v1/tokens/{made['id']}/revoke")
        assert (await client.get("/v1/whoami")).status_code == 401


async def test_nobody_gives_a_role_above_their_own(app: asgi.App, api: httpx.AsyncClient) -> None:
    staff = (await api.post("/v1/staff", json={"email": "o@example.com", "name": "O", "role": "operator"})).json()
    body = {"name": "t", "role": "owner", "staff": staff["id"]}
    assert (await api.post("/v1/tokens", json=body)).json()["code"] == "token_role_above_staff"
    token = (await api.post("/v1/tokens", json=body | {"role": "operator"})).json()["token"]
    async with asgi.client(app, token=token) as client:
        assert (await client.get("/v1/whoami")).json()["principal"]["kind"] == "staff"
        assert (await client.post("/v1/tokens", json={"name": "x", "role": "viewer"})).status_code == 403
    await api.post("/v1/staff/o@example.com/disable")
    async with asgi.client(app, token=token) as client:
        assert (await client.get("/v1/whoami")).status_code == 401


def _body(method: str) -> Any:
    return None if method == "GET" else {}
