"""Sagas through the API."""

from __future__ import annotations

from datetime import timedelta

import httpx

from rtp.kit.clock import FixedClock
from tests.sagas.conftest import Stage


async def test_a_saga_is_listed_by_state_and_subject_and_shown_with_its_steps(
    api: httpx.AsyncClient, stage: Stage
) -> None:
    saga = await stage.start()
    await stage.start()
    await stage.work(most=8)
    listed = (await api.get("/v1/sagas", params={"state": "succeeded", "subject": "test_1"})).json()["items"]
    assert saga in {item["id"] for item in listed}
    assert {item["step"] for item in listed} == {""}
    assert (await api.get("/v1/sagas", params={"subject": "test_2"})).json()["items"] == []
    shown = (await api.get(f"/v1/sagas/{saga}")).json()
    assert [(step["name"], step["kind"], step["state"]) for step in shown["steps"]] == [
        ("hold", "reversible", "done"),
        ("book", "reversible", "done"),
        ("pay", "pivot", "done"),
        ("mail", "retryable", "done"),
    ]
    assert "data" not in shown, "what the steps are given may be of another area"


async def test_a_saga_is_cancelled_and_retried_while_it_is_under_way(api: httpx.AsyncClient, stage: Stage) -> None:
    saga = await stage.start()
    await stage.work(most=1)
    assert (await api.post(f"/v1/sagas/{saga}/retry")).json()["state"] == "running"
    assert (await api.post(f"/v1/sagas/{saga}/cancel")).json()["cancelling"] is True
    await stage.work()
    assert (await api.get(f"/v1/sagas/{saga}")).json()["state"] == "compensated"
    for verb in ("cancel", "retry"):
        answer = await api.post(f"/v1/sagas/{saga}/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (422, "saga_ended")


async def test_a_saga_that_is_not_there_is_told_apart_from_another_kind_of_id(api: httpx.AsyncClient) -> None:
    for key in ("saga_01J9ZK3V5W8X2Y4A6B7C8D9E0F", "pay_01J9ZK3V5W8X2Y4A6B7C8D9E0F", "nothing"):
        answer = await api.get(f"/v1/sagas/{key}")
        assert (answer.status_code, answer.json()["code"]) == (404, "saga_not_found")


async def test_a_late_saga_and_a_stuck_one_stand_on_the_morning_page_and_the_doctor_tells_them_apart(
    api: httpx.AsyncClient, stage: Stage, clock: FixedClock
) -> None:
    async def said() -> tuple[list[str], str]:
        attention = (await api.get("/v1/today")).json()["attention"]
        checks = (await api.get("/v1/doctor")).json()["checks"]
        return [item["what"] for item in attention], next(one["state"] for one in checks if one["name"] == "sagas")

    assert await said() == ([], "ok")
    await stage.start()
    clock.instant += timedelta(minutes=11)
    assert await said() == (["sagas that are stuck or late"], "warning"), "nobody looked at it for so long"
    await stage.work()
    stage.options = {"page_after": 1}
    stage.told({"mail": ["lost before"]})
    await stage.start()
    await stage.work(most=4)
    assert await said() == (["sagas that are stuck or late"], "failed")
    await stage.work()
    assert await said() == ([], "ok")
