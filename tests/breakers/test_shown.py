"""An open breaker is told of wherever an operator looks."""

from __future__ import annotations

from typing import Any

import httpx

from rtp.testing.plugin import OpenFrame
from tests.breakers.reports import HERE, NAME, reading, report


async def test_doctor_the_morning_page_and_the_metrics_tell_of_an_open_breaker(
    api: httpx.AsyncClient, writing: OpenFrame
) -> None:
    async def check() -> dict[str, Any]:
        checks = (await api.get("/v1/doctor")).json()["checks"]
        return next(one for one in checks if one["name"] == "breakers")

    async def attention() -> list[str]:
        return [one["command"] for one in (await api.get("/v1/today")).json()["attention"]]

    await report(writing, reading())
    assert ((await check())["state"], await attention()) == ("ok", [])
    assert f'breaker_state{{name="{NAME}",process="{HERE}"}} 0.0' in (await api.get("/metrics")).text
    await report(writing, reading("open", "open", calls={"success": 7, "timeout": 2}))
    found = await check()
    assert (found["state"], found["fix"]) == ("warning", f"rtp breakers show {NAME}")
    assert await attention() == ["rtp breakers list --circuit open"]
    metrics = (await api.get("/metrics")).text
    assert f'breaker_state{{name="{NAME}",process="{HERE}"}} 2.0' in metrics
    assert f'breaker_calls_total{{name="{NAME}",outcome="timeout",process="{HERE}"}} 2.0' in metrics
