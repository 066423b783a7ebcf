"""Endpoints through the real application: the secret shown once, kept sealed, and nowhere else."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.settings import Settings
from rtp.testing import asgi

URL = "https://hooks.example.com/in?token=of-the-receiver"


async def made(api: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await api.post("/v1/webhooks/endpoints", json={"url": URL, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def everything(frames: Frames) -> str:
    """All that the database holds of what was done."""
    tables = (
        "webhooks_endpoints",
        "webhooks_secrets",
        "audit",
        "events",
        "stored_answers",
        "plans",
        "procrastinate_jobs",
    )
    found = []
    async with frames.database.reading() as connection:
        for table in tables:
            rows = (await connection.execute(text(f"SELECT to_jsonb(t)::text AS row FROM {table} t"))).all()
            found += [row.row for row in rows]
    return "\n".join(found)


@pytest.mark.parametrize("signing", ["v1", "v1a"])
async def test_a_secret_is_shown_once_and_lies_nowhere(
    api: httpx.AsyncClient,
    frames: Frames,
    signing: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    key = {"Idempotency-Key": "k1"}
    body = {"url": URL, "signing": signing}
    first = (await api.post("/v1/webhooks/endpoints", json=body, headers=key)).json()
    again = await api.post("/v1/webhooks/endpoints", json=body, headers=key)
    assert first["secret"].startswith("whsec_" if signing == "v1" else "whpk_")
    assert (again.json()["secret"], again.headers["idempotency-replayed"]) == ("", "true")
    shown = (await api.get(f"/v1/webhooks/endpoints/{first['id']}")).json()
    listed = (await api.get("/v1/webhooks/endpoints")).json()["items"]
    assert "secret" not in shown
    assert "secret" not in listed[0]
    if signing == "v1":
        kept = await everything(frames)
        material = base64.b64decode(first["secret"].removeprefix("whsec_"))
        said = capfd.readouterr()
        for form in (first["secret"].removeprefix("whsec_"), material.hex()):
            assert form not in kept
            assert form not in said.out + said.err + caplog.text


async def test_the_audit_and_the_event_do_not_tell_a_secret_in_the_url(api: httpx.AsyncClient, frames: Frames) -> None:
    await made(api)
    noted = (await api.get("/v1/audit")).json()["items"][0]
    assert "https://hooks.example.com/…" in str(noted)
    assert "of-the-receiver" not in str(noted)
    assert "of-the-receiver" not in str((await api.get("/v1/events")).json())


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example.com/", "https://127.0.0.1/", "https://10.0.0.1/", "https://localhost/", "https://2130706433/",
     "https://u:p@hooks.example.com/", "ftp://hooks.example.com/", "", "https://[::ffff:127.0.0.1]/"],
)  # fmt: skip
async def test_a_url_that_leads_inside_is_refused_when_it_is_given_and_when_it_is_changed(
    api: httpx.AsyncClient, url: str
) -> None:
    answer = await api.post("/v1/webhooks/endpoints", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (400, "webhook_url_refused")
    assert answer.json()["exit_code"] == 2
    one = await made(api)
    answer = await api.patch(f"/v1/webhooks/endpoints/{one['id']}", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (400, "webhook_url_refused")


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
async def test_plain_http_to_this_machine_is_for_dev_and_for_who_asks_for_it(
    settings: Settings, environment: Any
) -> None:
    from rtp_server.app import create_app

    app: Any = create_app(msgspec.structs.replace(settings, environment=environment))
    body: dict[str, Any] = {"url": "http://127.0.0.1:3000/a", "loopback": True}
    async with asgi.started(app), asgi.client(app, socket=True) as api:
        answer = await api.post("/v1/webhooks/endpoints", json=body)
        unasked = await api.post("/v1/webhooks/endpoints", json=body | {"loopback": False})
    assert unasked.json()["code"] == "webhook_url_refused"
    assert answer.status_code == (201 if environment == "dev" else 400), answer.text
    if environment != "dev":
        assert answer.json()["code"] == "webhook_loopback_refused"


@pytest.mark.parametrize("pattern", ["refund", "refund.", ".succeeded", "refund.**", "Refund.*", "*.succeeded", ""])
async def test_a_pattern_that_names_nothing_is_refused(api: httpx.AsyncClient, pattern: str) -> None:
    answer = await api.post("/v1/webhooks/endpoints", json={"url": URL, "events": [pattern]})
    assert answer.status_code == 400


async def test_a_rotation_shows_a_new_secret_and_keeps_the_old_key_for_the_overlap(api: httpx.AsyncClient) -> None:
    one = await made(api)
    rotated = (await api.post(f"/v1/webhooks/endpoints/{one['id']}/rotate", json={"overlap": 2})).json()
    assert rotated["secret"] not in ("", one["secret"])
    newest, old = rotated["keys"]
    assert (newest["expires_at"], old["id"]) == (None, one["keys"][0]["id"])
    assert old["expires_at"] is not None
    at_once = (await api.post(f"/v1/webhooks/endpoints/{one['id']}/rotate", json={"overlap": 0})).json()
    assert len(at_once["keys"]) == 1


async def test_an_endpoint_is_disabled_enabled_and_not_twice(api: httpx.AsyncClient) -> None:
    one = await made(api)
    path = f"/v1/webhooks/endpoints/{one['id']}"
    disabled = (await api.post(f"{path}/disable")).json()
    assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "by hand")
    assert (await api.post(f"{path}/disable")).json()["code"] == "webhook_endpoint_unchanged"
    assert (await api.post(f"{path}/test")).json()["code"] == "webhook_endpoint_disabled"
    enabled = (await api.post(f"{path}/enable")).json()
    assert (enabled["state"], enabled["disabled_reason"], enabled["version"]) == ("enabled", "", 3)
    assert (await api.post(f"{path}/enable")).json()["code"] == "webhook_endpoint_unchanged"


async def test_an_update_changes_what_is_given_and_nothing_else(api: httpx.AsyncClient) -> None:
    one = await made(api, events=["refund.*"], description="CRM")
    path = f"/v1/webhooks/endpoints/{one['id']}"
    changed = (await api.patch(path, json={"events": ["payment.*", "payment.*"]})).json()
    assert (changed["events"], changed["url"], changed["description"]) == (["payment.*"], URL, "CRM")
    assert changed["keys"] == one["keys"]


async def test_a_dry_run_makes_no_endpoint_and_shows_no_secret(api: httpx.AsyncClient) -> None:
    planned = await api.post("/v1/webhooks/endpoints?dry_run=true", json={"url": URL})
    assert planned.status_code == 202
    assert "whsec_" not in planned.text
    assert (await api.get("/v1/webhooks/endpoints")).json()["items"] == []
    done = await api.post(f"/v1/webhooks/endpoints?plan={planned.json()['id']}", json={"url": URL})
    assert done.json()["secret"].startswith("whsec_")


async def test_what_belongs_to_a_listener_is_left_to_it(api: httpx.AsyncClient) -> None:
    one = await made(api, url="", kind="listen")
    path = f"/v1/webhooks/endpoints/{one['id']}"
    for method, where in (("POST", f"{path}/disable"), ("POST", f"{path}/enable")):
        assert (await api.request(method, where)).json()["code"] == "webhook_endpoint_only"
    assert (await api.patch(path, json={"description": "x"})).json()["code"] == "webhook_endpoint_only"
    answer = await api.post("/v1/webhooks/endpoints", json={"url": URL, "kind": "listen"})
    assert answer.json()["code"] == "webhook_url_refused"


@pytest.mark.parametrize("key", ["we_00000000000000000000000001", "rfd_00000000000000000000000001", "we_x"])
async def test_an_unknown_endpoint_is_told_as_such(api: httpx.AsyncClient, key: str) -> None:
    answer = await api.get(f"/v1/webhooks/endpoints/{key}")
    assert (answer.status_code, answer.json()["code"]) == (404, "webhook_endpoint_not_found")
