"""The sandbox through the real application: steered, planned, noted, and a dispute on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from rtp.db.frames import Frames
from rtp.kit.money import Money
from rtp.payments import jobs as payment_jobs
from rtp.payments.http_provider import HttpProvider
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing import asgi, money
from rtp.testing.provider import Sandbox, running
from rtp.testing.servers import Cloned

MOST = {
    "latency_ms": 60_000,
    "fee_basis_points": 10_000,
    "fee_fixed": 10_000,
    "charge_delay_ms": 86_400_000,
    "refund_delay_ms": 86_400_000,
    "refund_fails_after_ms": 86_400_000,
    "dispute_fee": 100_000,
    "dispute_days": 365,
    "dispute_delay_ms": 86_400_000,
    "webhook_delay_ms": 86_400_000,
    "ttl_seconds": 3_600,
}
"""The most of each number: no fee is more than all that was taken, and no wait outlasts a day."""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
async def provider(process: Sandbox) -> AsyncIterator[HttpProvider]:
    adapter = HttpProvider(process.url, process.token)
    yield adapter
    await adapter.steer(Control())
    await adapter.close()


@pytest.fixture
def settings(database: Cloned, process: Sandbox, tmp_path: Path) -> Settings:
    return Settings(
        home=str(tmp_path / "instance"),
        database_url=database.app_url,
        database_owner_url=database.owner_url,
        provider_url=process.url,
        provider_token=process.token,
    )


async def test_what_is_set_is_shown_and_a_reset_puts_it_back(api: httpx.AsyncClient, provider: HttpProvider) -> None:
    done = await api.put(
        "/v1/sandbox/control", json={"latency_ms": 20, "ttl_seconds": 60}, params={"reason": "a drill"}
    )
    assert (done.status_code, done.json()["latency_ms"]) == (200, 20)
    shown = (await api.get("/v1/sandbox")).json()
    assert (shown["state"], shown["control"]["latency_ms"]) == ("steered", 20)
    assert shown["ends_at"] is not None
    assert (await api.delete("/v1/sandbox/control")).json() == msgspec.to_builtins(Control())
    shown = (await api.get("/v1/sandbox")).json()
    assert (shown["state"], shown["ends_at"]) == ("behaves", None)
    [reset, was_set] = (await api.get("/v1/audit")).json()["items"][:2]
    assert (reset["operation"], was_set["operation"], was_set["reason"]) == ("sandbox.reset", "sandbox.set", "a drill")


async def test_a_dry_run_steers_nothing_and_its_plan_does_once(api: httpx.AsyncClient, provider: HttpProvider) -> None:
    planned = await api.put("/v1/sandbox/control", json={"fail_rate": 0.5}, params={"dry_run": True})
    assert planned.status_code == 202, planned.text
    [change] = planned.json()["changes"]
    assert (change["before"]["fail_rate"], change["after"]["fail_rate"]) == (0, 0.5)
    assert await provider.control() == Control()
    applied = await api.post(f"/v1/plans/{planned.json()['id']}/apply")
    assert applied.status_code == 200, applied.text
    assert await provider.control() == Control(fail_rate=0.5)
    again = await api.post(f"/v1/plans/{planned.json()['id']}/apply")
    assert (again.status_code, again.json()["code"]) == (409, "plan_used")


async def test_a_plan_that_no_longer_fits_steers_nothing(api: httpx.AsyncClient, provider: HttpProvider) -> None:
    planned = await api.put("/v1/sandbox/control", json={"fail_rate": 0.5}, params={"dry_run": True})
    await provider.steer(Control(latency_ms=1))
    refused = await api.post(f"/v1/plans/{planned.json()['id']}/apply")
    assert (refused.status_code, refused.json()["code"]) == (409, "plan_outdated")
    assert await provider.control() == Control(latency_ms=1)


@pytest.mark.parametrize(
    "control, path",
    [
        ({"fail_rate": 2}, "fail_rate"),
        ({"webhook_url": "file:///etc/passwd"}, "webhook_url"),
        ({"refund_failure": "Drop Table"}, "refund_failure"),
        ({"explode": True}, "explode"),
        *(({name: most + 1}, name) for name, most in MOST.items()),
        *(({name: -1}, name) for name in MOST),
    ],
)
async def test_a_control_that_cannot_be_is_refused_by_name(
    api: httpx.AsyncClient, provider: HttpProvider, control: dict[str, object], path: str
) -> None:
    refused = await api.put("/v1/sandbox/control", json=control)
    assert refused.status_code == 400
    assert path in refused.text
    assert await provider.control() == Control()


async def test_a_control_may_be_set_to_the_most_of_everything(api: httpx.AsyncClient, provider: HttpProvider) -> None:
    done = await api.put("/v1/sandbox/control", json=MOST)
    assert done.status_code == 200, done.text
    assert {name: done.json()[name] for name in MOST} == MOST


async def test_a_cardholder_objects_to_a_payment_on_demand_and_once_per_key(
    api: httpx.AsyncClient, provider: HttpProvider, frames: Frames
) -> None:
    payment = await money.captured_payment(frames, provider, payment_jobs.JOBS)
    path, body = f"/v1/sandbox/payments/{payment.id}/dispute", {"reason": "general", "amount": 2_500}
    planned = await api.post(path, json=body, params={"dry_run": True})
    assert planned.status_code == 202, planned.text
    assert not [one for one in await provider.list_disputes(payment.created_at) if one.key == payment.id]
    for _ in range(2):
        done = await api.post(path, json=body, headers={"Idempotency-Key": f"d:{payment.id}"})
        assert done.status_code == 200, done.text
        assert done.json()["amount"] == {"amount": 2_500, "currency": "USD"}
    [dispute] = [one for one in await provider.list_disputes(payment.created_at) if one.key == payment.id]
    assert (dispute.amount, dispute.reason, dispute.state) == (Money(2_500, "USD"), "general", "needs_response")
    twice = await api.post(path, json=body)
    assert (twice.status_code, twice.json()["code"]) == (422, "dispute_not_opened")
    assert "disputed already" in twice.json()["detail"]


async def test_a_payment_that_the_sandbox_never_charged_cannot_be_disputed(
    api: httpx.AsyncClient, provider: HttpProvider, frames: Frames
) -> None:
    payment = await money.captured_payment(frames, provider, [])
    refused = await api.post(f"/v1/sandbox/payments/{payment.id}/dispute", json={})
    assert (refused.status_code, refused.json()["code"]) == (404, "payment_not_charged")
    none = await api.post("/v1/sandbox/payments/pay_00000000000000000000000000/dispute", json={})
    assert (none.status_code, none.json()["code"]) == (404, "payment_not_found")


async def test_events_are_listed_newest_first_in_pages(api: httpx.AsyncClient, provider: HttpProvider) -> None:
    keys = [f"page:{number}" for number in range(5)]
    for key in keys:
        await provider.charge(key, Money(1000, "USD"), "card_visa", "a month")
    first = (await api.get("/v1/sandbox/events", params={"limit": 3})).json()
    rest = (await api.get("/v1/sandbox/events", params={"limit": 2, "cursor": first["next"]})).json()
    found = [event["about"] for event in [*first["items"], *rest["items"]]]
    assert found == keys[::-1]
    assert {event["delivery"] for event in first["items"]} == {"waiting"}


async def test_on_prod_the_sandbox_is_neither_shown_nor_steered(settings: Settings, provider: HttpProvider) -> None:
    from rtp_server.app import create_app

    made: Any = create_app(msgspec.structs.replace(settings, environment="prod"))
    async with asgi.started(made), asgi.client(made, socket=True) as api:
        for method, path, body in (
            ("GET", "/v1/sandbox", None),
            ("GET", "/v1/sandbox/events", None),
            ("PUT", "/v1/sandbox/control", {"down": True}),
            ("DELETE", "/v1/sandbox/control", None),
        ):
            refused = await api.request(method, path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "sandbox_not_on_prod"), path
    assert await provider.control() == Control()


@pytest.mark.parametrize(
    "body,headers,status,code",
    [
        ({"amount": 100, "currency": "ZZZ"}, {}, 422, "dispute_not_opened"),
        ({"amount": 100, "currency": "EUR"}, {}, 422, "dispute_not_opened"),
        ({"amount": 2**53}, {}, 422, "dispute_not_opened"),
        ({"amount": 10_001}, {}, 422, "dispute_not_opened"),
        ({}, {"Idempotency-Key": "k" * 255}, 200, None),
    ],
    ids=["no-currency", "another-currency", "too-large-a-number", "more-than-was-taken", "the-longest-key"],
)
async def test_a_dispute_that_cannot_be_is_refused_as_documented_and_the_longest_key_is_taken(
    api: httpx.AsyncClient, provider: HttpProvider, frames: Frames, body: dict[str, object],
    headers: dict[str, str], status: int, code: str | None,
) -> None:  # fmt: skip
    payment = await money.captured_payment(frames, provider, payment_jobs.JOBS)
    answer = await api.post(f"/v1/sandbox/payments/{payment.id}/dispute", json=body, headers=headers)
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
