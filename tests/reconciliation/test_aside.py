"""What was set aside for a person: it is listed until somebody closes it with a reason, and opened when it changes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.payments import jobs as payment_jobs
from rtp.payments import service as payments
from rtp.payments.fakes import FakeProvider
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import mending
from rtp.reconciliation.comparing import Comparison
from rtp.reconciliation.schemas import Look
from rtp.refunds import jobs as refund_jobs
from rtp.testing.reconciling import Garden

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS)


@pytest.fixture
def garden(api: httpx.AsyncClient, app: Any, frames: Frames, clock: FixedClock) -> Garden:
    """Where differences are planted, beside the application that people ask."""
    app.state.frames.clock = clock
    return Garden(frames, FakeProvider(clock), JOBS)


async def look(garden: Garden, *, mend: bool = False) -> Look:
    """Compare as an hour later; what is found is carried out on demand."""
    about: dict[str, Any] = {"operation": "tests.look", "principal": LOCAL_OWNER, "trace": trace.start()}
    now = garden.frames.clock.now() + timedelta(hours=1)
    reading = partial(garden.frames.reading, **about)
    comparison = Comparison(garden.provider, "sandbox", reading, since=now - timedelta(days=7), now=now)
    found = await comparison.look()
    for one in found.differences if mend else []:
        await mending.mend(comparison, garden.writing, one)
    return found


async def contradicted(garden: Garden) -> str:
    """A payment that failed here and succeeded there, set aside."""
    payment = await garden.asked()
    await garden.charge(payment)
    async with garden.writing() as frame:
        await payments.fail(frame, await payments.lock(frame, payment.id), "card_declined")
    await look(garden, mend=True)
    return payment.id


async def listed(api: httpx.AsyncClient, **filters: Any) -> list[dict[str, Any]]:
    answer = await api.get("/v1/reconcile/aside", params=filters)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def close(api: httpx.AsyncClient, key: str, reason: str = "returned by hand, ticket SUP-7") -> httpx.Response:
    return await api.post(f"/v1/reconcile/aside/{key}/close", json={"reason": reason})


async def test_what_was_set_aside_is_listed_and_closed_with_a_reason(api: httpx.AsyncClient, garden: Garden) -> None:
    name = await contradicted(garden)
    [one] = await listed(api, state="open")
    assert (one["name"], one["noun"], one["kind"], one["state"]) == (name, "charge", "status", "open")
    assert (one["ours"]["state"], one["theirs"]["state"]) == ("failed", "succeeded")
    assert (await api.get(f"/v1/reconcile/aside/{one['id']}")).json() == one
    attention = (await api.get("/v1/today")).json()["attention"]
    assert [row["count"] for row in attention if row["what"] == "differences that were set aside"] == [1]
    closed = await close(api, one["id"])
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert (closed.json()["reason"], closed.json()["closed_by"]) == ("returned by hand, ticket SUP-7", "local")
    assert await listed(api, state="open") == []
    assert [row["id"] for row in await listed(api, state="closed")] == [one["id"]]
    [audited] = (await api.get("/v1/audit", params={"target": one["id"]})).json()["items"]
    assert (audited["operation"], audited["actor"]) == ("reconcile_aside.close", "local")
    assert "returned by hand, ticket SUP-7" in str(audited)
    [told] = (await api.get("/v1/events", params={"type": "reconciliation.closed"})).json()["items"]
    assert told["aggregate_id"] == one["id"]
    attention = (await api.get("/v1/today")).json()["attention"]
    assert all(row["what"] != "differences that were set aside" for row in attention)
    after = await look(garden)
    assert (after.state, after.set_aside) == ("equal", 1)


async def test_nothing_is_closed_twice_without_a_reason_or_where_there_is_nothing(
    api: httpx.AsyncClient, garden: Garden
) -> None:
    await contradicted(garden)
    [one] = await listed(api)
    assert (await close(api, one["id"], "")).status_code == 400
    assert (await close(api, one["id"])).status_code == 200
    again = await close(api, one["id"], "another reason")
    assert (again.status_code, again.json()["code"]) == (422, "aside_closed")
    assert (await listed(api))[0]["reason"] == "returned by hand, ticket SUP-7"
    missing = await close(api, "ras_00000000000000000000000001")
    assert (missing.status_code, missing.json()["code"]) == (404, "aside_not_found")


async def test_what_changed_after_it_was_closed_is_set_aside_as_open_again(
    api: httpx.AsyncClient, garden: Garden
) -> None:
    await contradicted(garden)
    [one] = await listed(api)
    assert (await close(api, one["id"])).status_code == 200
    async with garden.writing() as frame:
        await frame.execute(text("UPDATE payments SET amount = amount + 1, tax = 0"))
    assert (await look(garden, mend=True)).found == 1
    [again] = await listed(api)
    assert (again["id"], again["state"], again["kind"]) == (one["id"], "open", "amount")
    assert (again["reason"], again["closed_by"], again["closed_at"]) == ("", "", None)
    assert again["version"] > one["version"]
