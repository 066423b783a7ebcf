"""An answer to a dispute whose job gave up: it is named before the deadline, and the same command brings it on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.disputes.objections import Objections

OWN = {"parts": {"statement": "she trained daily"}}
HOW = pytest.mark.parametrize("how, body", [("evidence", OWN), ("accept", None)], ids=["evidence", "accept"])


async def stalled(desk: Objections, how: str, body: Any) -> str:
    """A dispute whose answer gave up on its way."""
    key = await desk.object(await desk.pay((1000, 0)))
    assert (await desk.do(f"disputes/{key}/{how}", body)).status_code == 200
    await desk.sql("UPDATE procrastinate_jobs SET status = 'failed' WHERE task_name = 'disputes.answer'")
    return key


async def told(desk: Objections) -> tuple[list[str], list[str], list[str]]:
    """What the morning page and the doctor say of answers: its disputes, the commands, and the doctor's own."""
    page, doctor = await desk.read("today"), await desk.read("doctor")
    commands = [one["command"] for one in page["attention"] if one["what"] == "answers to disputes that gave up"]
    checks = [one["fix"] for one in doctor["checks"] if one["name"] == "disputes" and one["state"] == "failed"]
    return [one["id"] for one in page["disputes"]], commands, checks


@HOW
async def test_the_same_command_brings_an_answer_on_that_gave_up(desk: Objections, how: str, body: Any) -> None:
    key = await stalled(desk, how, body)
    desk.clock.instant += timedelta(hours=1)
    again = await desk.do(f"disputes/{key}/{how}", {"parts": {}} if body else None)
    assert (again.status_code, again.json()["answer_state"]) == (200, "queued"), again.text
    twice = await desk.do(f"disputes/{key}/{how}", body)
    assert (twice.status_code, twice.json()["code"]) == (422, "dispute_answered"), "it is on its way again"
    await desk.work()
    assert (await desk.read(f"disputes/{key}"))["answer_state"] == "sent"
    assert [row.status for row in await desk.sql("SELECT status::text FROM procrastinate_jobs "
            "WHERE task_name = 'disputes.answer'")] == ["succeeded"], "no dead job is left of it"  # fmt: skip
    audit = (await desk.read("audit", target=key))["items"]
    assert len([row for row in audit if row["operation"].startswith("disputes.")]) == 2


async def test_an_answer_whose_dead_job_was_cleared_away_is_sent_all_the_same(desk: Objections) -> None:
    key = await stalled(desk, "evidence", OWN)
    await desk.sql("DELETE FROM procrastinate_jobs WHERE task_name = 'disputes.answer'")
    assert (await desk.do(f"disputes/{key}/evidence", OWN)).status_code == 200
    await desk.work()
    shown = await desk.read(f"disputes/{key}")
    assert (shown["answer_state"], shown["evidence"]["statement"]) == ("sent", "she trained daily")


@pytest.mark.parametrize(
    "how, body",
    [("accept", None), ("evidence", {"parts": {"statement": "she did not"}})],
    ids=["accept", "other words"],
)
async def test_another_answer_does_not_take_the_place_of_one_that_the_provider_may_have(
    desk: Objections, how: str, body: Any
) -> None:
    key = await stalled(desk, "evidence", OWN)
    refused = await desk.do(f"disputes/{key}/{how}", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "answer_stalled"), refused.text
    assert refused.json()["hint"] == f"rtp disputes evidence {key} --submit"


@HOW
async def test_an_answer_that_gave_up_is_named_with_its_command_until_it_is_on_its_way(
    desk: Objections, how: str, body: Any
) -> None:
    key = await stalled(desk, how, body)
    command = f"rtp disputes {how} {key}" + (" --submit" if body else "")
    assert await told(desk) == ([key], [command], [command])
    assert (await desk.read(f"disputes/{key}"))["next"] == command
    assert (await desk.do(f"disputes/{key}/{how}", body)).status_code == 200
    assert await told(desk) == ([], [], [])
    assert (await desk.read(f"disputes/{key}"))["next"] == ""
