"""What the edge gives every request: id, trace, compression, metrics, and log lines without secrets."""

from __future__ import annotations

import json

import httpx
import pytest
from sqlalchemy import text as sql

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.payments import jobs as payment_jobs
from rtp.payments.fakes import FakeProvider
from rtp.permissions import LOCAL_OWNER
from rtp.testing import money
from rtp.testing.instance import RunningInstance
from rtp_server.edge.logs import mask

ADA = {"email": "ada@example.com", "name": "Ada"}
SAGA = """
    INSERT INTO sagas (id, name, definition_version, subject, data, state, direction, page_after, created_by, version,
        created_at, deadline_at, next_at)
    VALUES (uuidv7(), 'bulk', 1, '{state}', '{{}}', '{state}', 'forward', 1, 'x', 1, now(), now(), '2020-01-01Z')
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_a_long_answer_is_compressed_unless_the_caller_opts_out(api: httpx.AsyncClient) -> None:
    long = await api.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert long.headers["content-encoding"] == "gzip"
    assert long.json()["openapi"].startswith("3.1")
    plain = await api.get("/openapi.json", headers={"Accept-Encoding": "gzip", "X-No-Compression": "1"})
    assert "content-encoding" not in plain.headers
    short = await api.get("/v1/whoami", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in short.headers


async def test_a_callers_trace_goes_on_into_audit_and_events(api: httpx.AsyncClient) -> None:
    made = await api.post("/v1/users", json=ADA, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    [row] = (await api.get("/v1/audit", params={"target": made.json()["id"]})).json()["items"]
    assert row["trace_id"] == TRACE
    [event] = (await api.get("/v1/events", params={"aggregate": made.json()["id"]})).json()["items"]
    assert event["metadata"]["trace_id"] == TRACE
    assert event["metadata"]["causation_id"] == made.headers["x-request-id"] == row["request_id"]


@pytest.mark.parametrize(
    "header", ["", "00-zz-1-01", f"ff-{TRACE}-00f067aa0ba902b7-01", f"00-{'0' * 32}-1234567890123456-01"]
)
async def test_a_malformed_trace_starts_a_new_one(api: httpx.AsyncClient, header: str) -> None:
    made = await api.post("/v1/users", json=ADA, headers={"traceparent": header})
    [row] = (await api.get("/v1/audit", params={"target": made.json()["id"]})).json()["items"]
    assert len(row["trace_id"]) == 32
    assert row["trace_id"] not in {TRACE, "0" * 32}


async def test_a_request_id_is_kept_if_it_is_harmless_and_replaced_otherwise(api: httpx.AsyncClient) -> None:
    kept = await api.get("/v1/whoami", headers={"X-Request-Id": "ticket-4711"})
    assert kept.headers["x-request-id"] == "ticket-4711"
    replaced = await api.get("/v1/whoami", headers={"X-Request-Id": "a b\tc"})
    assert replaced.headers["x-request-id"] not in {"", "a b\tc"}


async def test_metrics_bear_the_names_of_the_plan_and_count_what_is_there(
    api: httpx.AsyncClient, frames: Frames
) -> None:
    await money.captured_payment(frames, FakeProvider(), payment_jobs.JOBS, card="declined")
    await api.get("/v1/users")
    told = (await api.get("/metrics")).text
    assert 'http_request_duration_seconds_bucket{le="0.01",method="GET",route="/v1/users",status_code="200"}' in told
    assert [f'le="{bound}"' in told for bound in ("0.05", "0.1", "0.5", "1.0", "2.0", "5.0", "+Inf")] == [True] * 7
    assert 'payment_failures_total{provider="sandbox",reason="card_declined"} 1.0' in told
    assert "active_subscriptions_total 0.0" in told


async def test_metrics_tell_what_of_money_waits_for_somebody(api: httpx.AsyncClient, frames: Frames) -> None:
    payment = await money.captured_payment(frames, FakeProvider(), payment_jobs.JOBS)
    body = {"amount": 100, "reason": "duplicate"}
    await api.post(f"/v1/payments/{payment.id}/refunds", json=body, headers={"Idempotency-Key": "one"})
    planted = [
        """
        INSERT INTO invariants (name, state, found, examples, detail, fix, version, since, checked_at) VALUES
            ('balances', 'failed', 1, '[]', '', '', 1, now(), now()),
            ('ledger', 'ok', 0, '[]', '', '', 1, now(), now()),
            ('provider record', 'warning', 0, '[]', '', '', 1, now(), now())
        """,
        SAGA.format(state="stuck"),
        SAGA.format(state="running"),
    ]
    async with frames.writing(operation="t", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        for one in planted:
            await frame.execute(sql(one))
    lines = set((await api.get("/metrics")).text.splitlines())
    assert {
        'refunds{state="created"} 1.0',
        'refunds{state="unknown"} 0.0',
        'refunds{state="failed"} 0.0',
        "sagas_stuck 1.0",
        "sagas_late 1.0",
        "invariants_broken 1.0",
        "invariants_unjudged 1.0",
    } <= lines


@pytest.mark.parametrize(
    "text,masked",
    [
        ("paid with 4242 4242 4242 4242", "paid with ****4242"),
        ("paid with 4242424242424242.", "paid with ****4242."),
        ("order 1234567890123456 is no card", "order 1234567890123456 is no card"),
        ("GET /v1/users/ada%40example.com", "GET /v1/users/***@***"),
        ("mail from Zoë <zoë.k+x@mail.example.org>", "mail from Zoë <***@***>"),
        ("Bearer rtp_" + "a1B2" * 9, "Bearer rtp_***"),
    ],
)
def test_what_may_not_be_in_a_log_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_no_log_of_an_instance_holds_an_e_mail_or_a_token(instance: RunningInstance) -> None:
    assert instance("users", "create", "secret.person@example.com", "--name", "S").returncode == 0
    assert instance("users", "show", "secret.person@example.com").returncode == 0
    made = instance.json("tokens", "create", "--name", "t", "--role", "viewer")
    assert instance("whoami", env={"RTP_URL": instance.url, "RTP_TOKEN": made["token"]}).returncode == 0
    logs = {path.name: path.read_text(errors="replace") for path in (instance.home / "logs").glob("*.log")}
    assert "/v1/users/{user}" in {json.loads(line).get("route") for line in logs["api.log"].splitlines()}
    for name, text in logs.items():
        assert "secret.person" not in text, name
        assert made["token"] not in text, name
    for line in logs["api.log"].splitlines():
        assert {"service", "version", "level", "timestamp"} <= set(json.loads(line)), line
