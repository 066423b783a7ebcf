"""Reconciliation through the API against a sandbox process: look, plan, carry out, and nothing without a plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.payments import http_provider
from rtp.payments import jobs as payment_jobs
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import mending
from rtp.reconciliation.comparing import Comparison
from rtp.reconciliation.schemas import Look
from rtp.refunds import jobs as refund_jobs
from rtp.settings import Settings
from rtp.testing import provider as sandboxes
from rtp.testing import reconciling
from rtp.testing.provider import Sandbox
from rtp.testing.reconciling import Garden

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS)
_keys = count(1)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with sandboxes.running(tmp_path / "sandbox") as started:
        yield started


@pytest.fixture
def settings(settings: Settings, sandbox: Sandbox) -> Settings:
    return msgspec.structs.replace(settings, provider_url=sandbox.url, provider_token=sandbox.token)


@pytest.fixture
async def garden(api: httpx.AsyncClient, app: Any, frames: Frames, settings: Settings) -> Any:
    """Where differences are planted now, and looked for an hour later."""
    frames.clock = FixedClock(datetime.now(UTC))
    app.state.frames.clock = FixedClock(datetime.now(UTC) + timedelta(hours=1))
    provider = http_provider.connect(settings)
    yield Garden(frames, provider, JOBS)
    await provider.close()


async def run(api: httpx.AsyncClient, **query: Any) -> httpx.Response:
    headers = {"Idempotency-Key": f"key-{next(_keys)}"}
    return await api.post("/v1/reconcile/runs", json={"since": "7d"}, params=query, headers=headers)


async def test_twelve_planted_differences_are_found_mended_by_their_plan_and_gone(
    api: httpx.AsyncClient, garden: Garden
) -> None:
    planted = await reconciling.plant(garden)
    look = (await api.get("/v1/reconcile")).json()
    assert (look["state"], look["found"]) == ("differs", 12)
    named = {(one["noun"], one["kind"], one["fix"], one["name"]) for one in look["differences"]}
    assert named == planted
    answer = await run(api, dry_run="true")
    assert answer.status_code == 202, answer.text
    plan = answer.json()
    assert {one["target"] for one in plan["changes"]} == {name for *_, name in planted}
    assert (await api.get("/v1/reconcile/runs")).json()["items"] == []
    done = await run(api, plan=plan["id"])
    assert done.status_code == 200, done.text
    assert {one["outcome"] for one in done.json()["differences"]} == {"mended", "set_aside"}
    after = (await api.get("/v1/reconcile")).json()
    assert (after["state"], after["found"]) == ("equal", 0)
    shown = (await api.get(f"/v1/reconcile/runs/{done.json()['id']}")).json()
    assert shown == done.json()
    assert (shown["kind"], shown["state"], shown["left_open"]) == ("mend", "equal", 0)


async def test_nothing_is_changed_without_a_plan_and_a_plan_serves_once(api: httpx.AsyncClient, garden: Garden) -> None:
    payment = await garden.asked()
    await garden.charge(payment)
    bare = await run(api)
    assert (bare.status_code, bare.json()["code"]) == (400, "reconcile_plan_missing")
    plan = (await run(api, dry_run="true")).json()["id"]
    assert (await api.get(f"/v1/payments/{payment.id}")).json()["state"] == "submitted"
    assert (await run(api, plan=plan)).status_code == 200
    assert (await api.get(f"/v1/payments/{payment.id}")).json()["state"] == "succeeded"
    again = await run(api, plan=plan)
    assert (again.status_code, again.json()["code"]) == (409, "plan_used")


async def test_a_plan_of_another_request_or_one_that_is_over_mends_nothing(
    api: httpx.AsyncClient, app: Any, garden: Garden
) -> None:
    payment = await garden.asked()
    await garden.charge(payment)
    plan = (await run(api, dry_run="true")).json()["id"]
    headers = {"Idempotency-Key": "another"}
    other = await api.post("/v1/reconcile/runs", json={"since": "8d"}, params={"plan": plan}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "plan_for_other")
    app.state.frames.clock.instant += timedelta(minutes=16)
    late = await run(api, plan=plan)
    assert (late.status_code, late.json()["code"]) == (409, "plan_expired")
    assert (await api.get(f"/v1/payments/{payment.id}")).json()["state"] == "submitted"


async def test_a_plan_that_was_interrupted_is_carried_on_by_the_same_plan(
    api: httpx.AsyncClient, app: Any, garden: Garden, settings: Settings
) -> None:
    await reconciling.plant(garden)
    plan = (await run(api, dry_run="true")).json()
    await first_of(app, settings, msgspec.convert(plan["result"], Look), 5)
    done = (await run(api, plan=plan["id"])).json()
    outcomes = [one["outcome"] for one in done["differences"]]
    proposed = [one["fix"] == "set_aside" for one in plan["result"]["differences"]]
    assert outcomes[:5] == ["set_aside" if aside else "gone" for aside in proposed[:5]]
    assert outcomes[5:] == ["set_aside" if aside else "mended" for aside in proposed[5:]]
    told = (await api.get("/v1/events", params={"type": "reconciliation.set_aside", "limit": 100})).json()["items"]
    assert len(told) == sum(proposed)
    assert (await api.get("/v1/reconcile")).json()["state"] == "equal"


async def first_of(app: Any, settings: Settings, look: Look, count: int) -> None:
    """Mend the first differences of a plan and end there, as a killed process does."""
    frames: Frames = app.state.frames
    about: dict[str, Any] = {"operation": "reconcile.run", "principal": LOCAL_OWNER, "trace": trace.start()}
    provider = http_provider.connect(settings)
    now = frames.clock.now()
    comparison = Comparison(
        provider, "sandbox", partial(frames.reading, **about), since=now - timedelta(days=7), now=now
    )
    for one in look.differences[:count]:
        await mending.mend(comparison, partial(frames.writing, **about), one)
    await provider.close()


async def test_the_same_key_gives_the_stored_answer_and_a_plan_by_its_id_alone_is_carried_out(
    api: httpx.AsyncClient, garden: Garden
) -> None:
    await garden.asked()
    plan = (await run(api, dry_run="true")).json()["id"]
    headers = {"Idempotency-Key": "one"}
    first, second = [await api.post(f"/v1/plans/{plan}/apply", headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 200), second.text
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    [mended] = first.json()["differences"]
    assert (mended["fix"], mended["outcome"]) == ("ask_again", "mended")
    [told] = (await api.get("/v1/events", params={"type": "reconciliation.asked_again"})).json()["items"]
    assert told["aggregate_id"] == mended["name"]
    [audited] = (await api.get("/v1/audit", params={"limit": 1})).json()["items"]
    assert audited["operation"] == "reconcile.run"


async def test_an_unknown_provider_a_wrong_time_and_a_wrong_run_are_refused(
    api: httpx.AsyncClient, garden: Garden
) -> None:
    assert (await api.get("/v1/reconcile", params={"provider": "nobody"})).status_code == 404
    assert (await api.get("/v1/reconcile", params={"since": "soon"})).status_code == 400
    missing = await api.get("/v1/reconcile/runs/rec_00000000000000000000000001")
    assert (missing.status_code, missing.json()["code"]) == (404, "reconcile_run_not_found")


async def test_a_provider_that_is_away_is_told_and_nothing_is_called_a_difference(
    api: httpx.AsyncClient, garden: Garden, sandbox: Sandbox
) -> None:
    await garden.asked()
    sandbox.kill()
    answer = await api.get("/v1/reconcile")
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
