"""Service levels judged by the server: exact counts over the history, windows, and the three verdicts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from rtp.db.frames import Frames
from rtp.kit.data_files import SHIPPED, shipped_root
from rtp.telemetry import service as telemetry
from rtp.telemetry.schemas import RequestRecord

TOTAL = {"exclude": ["/health/*"]}
GOOD = {"comparisons": [{"field": "status", "op": "lt", "value": 500}]}
ANSWERS = {
    "slo": "answers",
    "target": "0.9",
    "window_seconds": 3600,
    "min_events": 10,
    "total": TOTAL | {"routes": ["/t/*"]},
    "good": GOOD,
}


async def fill(frames: Frames, route: str, status: int, count: int, *, ms: float = 10.0, age: int = 60) -> None:
    at = datetime.now(UTC) - timedelta(seconds=age)
    rows = [
        (frames.ids.uuid(), RequestRecord(at, "GET", route, status, ms, f"r{number}", "owner"))
        for number in range(count)
    ]
    await telemetry.store(frames.database, rows)


async def judged(api: httpx.AsyncClient, *objectives: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await api.post("/v1/slo/report", json={"objectives": list(objectives)} | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_good_and_bad_requests_are_counted_exactly(api: httpx.AsyncClient, frames: Frames) -> None:
    await fill(frames, "/t/a", 200, 80)
    await fill(frames, "/t/b", 422, 15)
    await fill(frames, "/t/a", 503, 5)
    await fill(frames, "/health/live", 503, 50)
    await fill(frames, "/t/a", 503, 50, age=7200)
    found = (await judged(api, ANSWERS))["objectives"][0]
    assert (found["good"], found["total"], found["verdict"]) == (95, 100, "met")
    assert found["exact"] == {"sli": "19/20", "burn": "1/2"}
    assert (found["sli"], found["burn"], found["consumed_percent"]) == ("0.95", "0.5", "50")
    assert (found["budget_minutes"], found["spent_minutes"], found["remaining_minutes"]) == ("6", "3", "3")


async def test_the_worst_verdict_is_that_of_the_report(api: httpx.AsyncClient, frames: Frames) -> None:
    await fill(frames, "/t/a", 200, 90)
    await fill(frames, "/t/a", 500, 10)
    met, missed = ANSWERS, ANSWERS | {"slo": "strict", "target": "0.901"}
    unknown = ANSWERS | {"slo": "rare", "min_events": 101}
    assert (await judged(api, met))["verdict"] == "met"
    assert (await judged(api, met, unknown))["verdict"] == "unknown"
    report = await judged(api, met, unknown, missed)
    assert report["verdict"] == "missed"
    assert [one["verdict"] for one in report["objectives"]] == ["met", "unknown", "missed"]
    assert (report["met"], report["missed"], report["unknown"]) == (1, 1, 1)


async def test_nothing_in_the_window_is_unknown_and_has_no_figures(api: httpx.AsyncClient) -> None:
    found = (await judged(api, ANSWERS | {"total": {"routes": ["/never"]}}))["objectives"][0]
    assert found["verdict"] == "unknown"
    assert (found["sli"], found["burn"], found["exact"]) == (None, None, {"sli": None, "burn": None})
    assert found["why"].endswith("; there is no history")


async def test_a_window_that_the_history_does_not_fill_is_judged_and_says_so(
    api: httpx.AsyncClient, frames: Frames
) -> None:
    await fill(frames, "/t/a", 200, 20, age=1800)  # before the first request of ours, which is in the history, too
    part = (await judged(api, ANSWERS))["objectives"][0]
    assert (part["verdict"], part["total"]) == ("met", 20)
    said = re.search(r"; the history begins only at (.+) UTC$", part["why"])
    assert said is not None, part["why"]
    begins = datetime.strptime(said[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert timedelta(minutes=29) < datetime.now(UTC) - begins < timedelta(minutes=33)
    filled = (await judged(api, ANSWERS, window_seconds=900))["objectives"][0]
    assert "history" not in filled["why"]


async def test_a_shorter_window_takes_its_part_of_the_period_s_budget(api: httpx.AsyncClient, frames: Frames) -> None:
    await fill(frames, "/t/a", 200, 80, age=600)
    await fill(frames, "/t/a", 500, 20, age=600)
    whole = (await judged(api, ANSWERS))["objectives"][0]
    assert (whole["burn"], whole["consumed_percent"]) == ("2", "200")
    part = (await judged(api, ANSWERS, window_seconds=900))["objectives"][0]
    assert (part["burn"], part["consumed_percent"]) == ("2", "50")
    assert (await judged(api, ANSWERS, window_seconds=300))["objectives"][0]["verdict"] == "unknown"
    assert (await judged(api, ANSWERS, min_events=101))["objectives"][0]["verdict"] == "unknown"


async def test_durations_are_compared_one_by_one_and_bad_ones_may_be_asked_for(
    api: httpx.AsyncClient, frames: Frames
) -> None:
    await fill(frames, "/t/a", 200, 30, ms=250.0)
    await fill(frames, "/t/a", 200, 10, ms=250.01)
    slow = {"comparisons": [{"field": "duration_ms", "op": "gt", "value": 250}]}
    quick = {"comparisons": [{"field": "duration_ms", "op": "lte", "value": 250}]}
    first = (await judged(api, ANSWERS | {"good": quick}))["objectives"][0]
    second = (await judged(api, ANSWERS | {"good": slow, "inverted": True}))["objectives"][0]
    assert first["good"] == second["good"] == 30


@pytest.mark.parametrize("value, good", [(499.5, 15), (500, 15), (500.5, 20), (1e300, 20), (-1, 0)])
async def test_a_number_is_compared_as_it_was_written(
    api: httpx.AsyncClient, frames: Frames, value: float, good: int
) -> None:
    await fill(frames, "/t/a", 499, 15)
    await fill(frames, "/t/a", 500, 5)
    below = {"comparisons": [{"field": "status", "op": "lt", "value": value}]}
    assert (await judged(api, ANSWERS | {"good": below}))["objectives"][0]["good"] == good


async def test_a_star_stands_for_anything_and_nothing_else_does(api: httpx.AsyncClient, frames: Frames) -> None:
    await fill(frames, "/t/users_x", 200, 20)
    await fill(frames, "/t/usersyx", 200, 20)
    found = (await judged(api, ANSWERS | {"total": {"routes": ["/t/users_*"]}}))["objectives"][0]
    assert found["total"] == 20


@pytest.mark.parametrize(
    "change",
    [{"target": "1"}, {"target": "0.99x"}, {"window_seconds": 1}, {"min_events": 0}, {"total": {"method": ["GET"]}}],
)
async def test_what_is_no_objective_is_refused(api: httpx.AsyncClient, change: dict[str, Any]) -> None:
    answer = await api.post("/v1/slo/report", json={"objectives": [ANSWERS | change]})
    assert answer.status_code == 400


async def test_the_shipped_slos_are_listed_by_page(api: httpx.AsyncClient) -> None:
    names: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await api.get("/v1/slo", params={"limit": 1, "cursor": cursor})).json()
        names += [one["name"] for one in page["items"]]
        cursor = page["next"]
    assert names == sorted(names)
    assert {"api-availability", "refund-availability"} <= set(names)
    assert names.count("api-latency") == 2
    assert (await api.get("/v1/slo?sort=target")).status_code == 400
    assert (await api.get("/v1/slo?cursor=x")).status_code == 400


async def test_files_are_checked_by_the_server_as_they_are_here(api: httpx.AsyncClient) -> None:
    shipped = [
        {"name": path.name, "text": path.read_text()} for path in sorted((shipped_root() / SHIPPED["slos"]).glob("*"))
    ]
    good = (await api.post("/v1/slo/validate", json={"file": shipped})).json()
    assert (good["files"], good["findings"]) == (len(shipped), [])
    broken = [{"name": "a.yaml", "text": "kind: SLO\nkind: SLO\n"}, {"name": "b.yaml", "text": ""}]
    found = (await api.post("/v1/slo/validate", json={"file": broken})).json()
    assert found["errors"] == 2
    assert [(one["file"], one["line"]) for one in found["findings"]] == [("a.yaml", 2), ("b.yaml", 1)]
