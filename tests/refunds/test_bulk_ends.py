"""How a bulk refund ends without having been carried out: its plan is over, or somebody cancels it; by whom is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from rtp.testing import money
from tests.refunds import bulks
from tests.refunds.bulks import JOBS
from tests.refunds.desk import Desk


async def planned(desk: Desk, rows: int = 1) -> dict[str, Any]:
    """A plan of refunds of 1.00."""
    payment = await desk.pay()
    lines = [{"payment": payment.id, "amount": "1.00", "key": f"{payment.id}-{row}"} for row in range(rows)]
    return dict(await bulks.planned(desk.api, lines))


@pytest.mark.parametrize(
    "before, status, said",
    [(timedelta(microseconds=1), 200, "applying"), (timedelta(0), 409, "bulk_expired")],
    ids=["just before", "at that instant"],
)
async def test_a_plan_holds_for_a_day_and_is_over_at_the_instant_that_it_names(
    desk: Desk, before: timedelta, status: int, said: str
) -> None:
    plan = await planned(desk)
    ends = datetime.fromisoformat(plan["expires_at"])
    assert ends - datetime.fromisoformat(plan["planned_at"]) == timedelta(days=1)
    desk.clock.instant = ends - before
    answer = await bulks.applied(desk.api, plan["id"])
    assert (answer.status_code, answer.json().get("code") or answer.json()["state"]) == (status, said)


@pytest.mark.parametrize("begun", [False, True], ids=["planned", "under way"])
async def test_who_cancels_a_bulk_and_why_is_in_the_audit_with_how_it_was_and_is(desk: Desk, begun: bool) -> None:
    kim = await desk.person("kim@example.com", "operator")
    plan = await planned(desk, rows=60)
    if begun:
        await bulks.applied(desk.api, plan["id"])
        await money.run_jobs(desk.frames, desk.provider, JOBS[-1:], most=2)
    path = f"/v1/refund-bulks/{plan['id']}/cancel"
    for _ in range(2 if begun else 1):  # the second time changes nothing
        answer = await kim.post(path, params={"reason": "wrong file"})
        assert answer.status_code == 200, answer.text
    rows = (await desk.api.get("/v1/audit", params={"target": plan["id"]})).json()["items"]
    [kept] = [row for row in rows if row["operation"] == "refund_bulks.cancel"]
    assert (kept["actor_name"], kept["reason"]) == ("kim@example.com", "wrong file")
    [change] = kept["changes"]
    assert (change["before"]["state"], change["before"]["canceling"]) == ("applying" if begun else "planned", False)
    assert (change["after"]["state"], change["after"]["canceling"]) == ("applying" if begun else "canceled", True)


async def look(desk: Desk) -> dict[str, Any]:
    """The saga after the worker looked at it once more."""
    await money.run_jobs(desk.frames, desk.provider, JOBS[-1:], most=1)
    [saga] = (await desk.api.get("/v1/sagas")).json()["items"]
    return dict(saga)


async def complaints(desk: Desk) -> list[str]:
    """What the morning page and the doctor say about sagas."""
    attention = (await desk.api.get("/v1/today")).json()["attention"]
    checks = (await desk.api.get("/v1/doctor")).json()["checks"]
    found = [one["what"] for one in attention if "sagas" in one["what"]]
    return found + [one["state"] for one in checks if one["name"] == "sagas" and one["state"] != "ok"]


async def test_a_bulk_that_waits_for_people_is_late_only_when_they_had_their_days_and_the_provider_too(
    desk: Desk,
) -> None:
    await desk.rules(approval=[{"currency": "USD", "above": 50}], approval_days=30)
    olga = await desk.person("olga@example.com", "operator")
    plan = await planned(desk, rows=2)
    await bulks.applied(await desk.person("kim@example.com", "operator"), plan["id"])
    for _ in range(3):
        saga = await look(desk)
    held = [await desk.show(row["refund_id"]) for row in await bulks.rows_of(desk.api, plan["id"])]
    expires = max(datetime.fromisoformat(refund["expires_at"]) for refund in held)
    assert datetime.fromisoformat(saga["deadline_at"]) == expires + timedelta(days=7)
    desk.clock.instant += timedelta(days=10)
    assert (await look(desk))["state"] == "running"
    assert await complaints(desk) == []
    for refund in held:
        assert (await desk.decide(refund["id"], "approve", by=olga)).status_code == 200
    decided = desk.clock.instant
    saga = await look(desk)
    assert datetime.fromisoformat(saga["deadline_at"]) == decided + timedelta(days=7), "now it is the provider's turn"
    desk.clock.instant += timedelta(days=7)
    assert (await look(desk))["state"] == "stuck"
    assert await complaints(desk) == ["sagas that are stuck or late", "failed"]
    await desk.work()
    assert (await look(desk))["state"] == "succeeded"
