"""Sagas on a real database: forward, back, late, stuck, cancelled, and under another version."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.permissions import LOCAL_OWNER
from rtp.sagas import service
from rtp.sagas.errors import SagaEnded, SagaPastPivot, StepRefused
from rtp.sagas.schemas import SagaDetail
from rtp.sagas.spec import Again
from tests.sagas.conftest import Stage

ABOUT: dict[str, Any] = {"operation": "tests.act", "principal": LOCAL_OWNER, "trace": trace.start()}
NO = StepRefused(why="no")


def states(saga: SagaDetail) -> list[str]:
    return [step.state for step in saga.steps]


async def events(frames: Frames, saga: str) -> list[str]:
    async with frames.reading(**ABOUT) as frame:
        query = text("SELECT type FROM events WHERE aggregate_id = :id ORDER BY version, id")
        return [row[0].removeprefix("saga.") for row in await frame.all(query, {"id": saga})]


async def queued(frames: Frames) -> list[Any]:
    async with frames.reading(**ABOUT) as frame:
        query = (
            "SELECT args, scheduled_at FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'sagas.advance'"
        )
        return list(await frame.all(text(query)))


async def test_a_saga_runs_its_steps_in_order_and_succeeds(stage: Stage, frames: Frames) -> None:
    saga = await stage.start()
    assert (await stage.shown(saga)).state == "pending"
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, states(ended), ended.step) == ("succeeded", ["done"] * 4, "")
    assert stage.done == ["hold", "book", "pay", "mail"]
    assert (await events(frames, saga))[-1] == "succeeded"


async def test_each_transition_queues_exactly_the_job_of_the_next_turn(stage: Stage, frames: Frames) -> None:
    saga = await stage.start()
    for turn in range(1, 5):
        [job] = await queued(frames)
        assert (job.args["saga"], job.args["turn"]) == (saga, turn)
        await stage.work(most=1)
    assert await queued(frames) == []


async def test_a_refusal_before_the_pivot_undoes_what_was_done_in_reverse(stage: Stage) -> None:
    stage.kinds = {"hold": "reversible", "book": "reversible", "sign": "reversible", "pay": "pivot"}
    stage.told({"sign": [NO]})
    saga = await stage.start()
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, states(ended)) == ("compensated", ["compensated", "compensated", "failed", "pending"])
    assert stage.done == ["hold", "book", "undo book", "undo hold"]
    assert ended.error == "sign: no"


async def test_a_pivot_that_refuses_has_done_nothing_and_turns_the_saga_back(stage: Stage) -> None:
    stage.told({"pay": [NO]})
    saga = await stage.start()
    await stage.work()
    assert states(await stage.shown(saga)) == ["compensated", "compensated", "failed", "pending"]
    assert stage.effects == set()


async def test_a_pivot_whose_outcome_is_open_is_never_taken_for_refused(stage: Stage) -> None:
    stage.told({"pay": ["lost after", NO, NO, None]})
    saga = await stage.start()
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, stage.done) == ("succeeded", ["hold", "book", "pay", "mail"])


async def test_after_the_pivot_there_is_only_the_way_forward(stage: Stage) -> None:
    stage.told({"mail": [NO, "lost before", NO, "lost before", None]})
    saga = await stage.start()
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, states(ended)) == ("succeeded", ["done"] * 4)


async def test_a_step_that_can_be_undone_is_given_up_after_its_attempts(stage: Stage) -> None:
    stage.told({"book": ["lost before"] * 3})
    saga = await stage.start()
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, states(ended)) == ("compensated", ["compensated", "compensated", "pending", "pending"])
    assert stage.effects == set()


async def test_an_attempt_that_failed_under_way_is_repeated_under_its_key_and_has_one_effect(stage: Stage) -> None:
    stage.told({"book": ["lost after", "lost after", None]})
    saga = await stage.start()
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, ended.steps[1].error) == ("succeeded", "")
    assert stage.done == ["hold", "book", "pay", "mail"]


async def test_a_late_success_of_a_step_that_timed_out_is_found_and_undone(stage: Stage) -> None:
    stage.looked_for = ("book",)
    stage.told({"book": ["lost before"] * 3, "look book": [None, None, "late success"]})
    saga = await stage.start()
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, states(ended)) == ("compensated", ["compensated", "compensated", "pending", "pending"])
    assert stage.effects == set()
    assert stage.done == ["hold", "undo book", "undo hold"]


async def test_a_step_without_a_trace_is_looked_for_as_often_as_declared_and_then_left(stage: Stage) -> None:
    stage.looked_for, stage.options = ("book",), {"looks": (1.0, 10.0)}
    stage.told({"book": ["lost before"] * 3})
    saga = await stage.start()
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, states(ended)) == ("compensated", ["compensated", "failed", "pending", "pending"])
    assert (ended.steps[1].looks, ended.steps[1].touched) == (3, False)


async def test_a_step_that_takes_too_long_is_a_failure_like_another(stage: Stage, frames: Frames) -> None:
    import asyncio
    from dataclasses import replace

    definition = stage.definition()

    async def forever(_: Any) -> None:
        await asyncio.Event().wait()

    slow = replace(definition.steps[1], action=forever, timeout=0.01, retries=0)
    steps = (definition.steps[0], slow, *definition.steps[2:])
    stage.definition = lambda version=1: replace(definition, steps=steps)  # type: ignore[method-assign]
    saga = await stage.start()
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, ended.error) == ("compensated", "book: no end after 0.01 s")
    assert stage.done == ["hold", "undo hold"]


async def test_a_compensation_that_fails_is_repeated_and_after_a_while_somebody_is_called(
    stage: Stage, frames: Frames
) -> None:
    stage.options = {"page_after": 3}
    stage.told({"book": [NO], "undo hold": ["away"] * 6})
    saga = await stage.start()
    await stage.work(most=5)
    stuck = await stage.shown(saga)
    assert (stuck.state, stuck.step, stuck.error) == ("stuck", "hold", "hold: ConnectionError: no way back yet")
    assert (await events(frames, saga)).count("stuck") == 1
    assert len(await queued(frames)) == 1, "it goes on trying all the same"
    await stage.work()
    assert (await stage.shown(saga)).state == "compensated"
    assert (await events(frames, saga)).count("stuck") == 1


async def test_a_deadline_before_the_pivot_turns_the_saga_back(stage: Stage, clock: FixedClock) -> None:
    stage.options = {"deadline": 60.0}
    saga = await stage.start()
    await stage.work(most=1)
    clock.instant += timedelta(seconds=61)
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, ended.error, stage.done) == ("compensated", "its deadline passed", ["hold", "undo hold"])


async def test_a_saga_that_waits_is_looked_at_at_its_deadline_and_turned_back_then(
    stage: Stage, clock: FixedClock, frames: Frames
) -> None:
    stage.options = {"deadline": 60.0}
    stage.told({"book": [Again(3600.0), None]})
    saga = await stage.start()
    begun = clock.instant
    await stage.work(most=2)
    assert [job.scheduled_at - begun for job in await queued(frames)] == [timedelta(seconds=60)]
    clock.instant += timedelta(seconds=60)
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, ended.error, stage.effects) == ("compensated", "its deadline passed", set())


async def test_a_step_of_open_outcome_is_undone_when_the_saga_turns_back(stage: Stage, frames: Frames) -> None:
    stage.told({"book": ["lost after"]})
    saga = await stage.start()
    await stage.work(most=2)
    async with frames.writing(**ABOUT) as frame:
        await service.cancel(frame, saga)
    await stage.work()
    assert states(await stage.shown(saga)) == ["compensated", "compensated", "pending", "pending"]
    assert stage.done == ["hold", "book", "undo book", "undo hold"]


async def test_a_deadline_after_the_pivot_calls_somebody_and_the_saga_goes_on(
    stage: Stage, clock: FixedClock, frames: Frames
) -> None:
    stage.options = {"deadline": 60.0}
    stage.told({"mail": ["lost before", None]})
    saga = await stage.start()
    await stage.work(most=3)
    clock.instant += timedelta(seconds=61)
    await stage.work(most=1)
    assert (await stage.shown(saga)).state == "stuck"
    await stage.work()
    assert (await stage.shown(saga)).state == "succeeded"
    assert "stuck" in await events(frames, saga)


async def test_a_step_with_more_to_do_is_run_again_and_is_past_the_pivot_from_then_on(stage: Stage) -> None:
    stage.told({"pay": [Again(), Again(2.0), NO, None]})
    saga = await stage.start()
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, states(ended)) == ("succeeded", ["done"] * 4)


async def test_a_pivot_that_was_begun_is_turned_back_neither_by_hand_nor_by_its_deadline(
    stage: Stage, clock: FixedClock, frames: Frames
) -> None:
    stage.options = {"deadline": 60.0}
    stage.told({"pay": [Again(), None]})
    saga = await stage.start()
    await stage.work(most=3)
    async with frames.writing(**ABOUT) as frame:
        with pytest.raises(SagaPastPivot, match="pay"):
            await service.cancel(frame, saga)
    clock.instant += timedelta(seconds=61)
    await stage.work()
    assert (await stage.shown(saga)).state == "succeeded"
    assert stage.done == ["hold", "book", "pay", "mail"]


async def test_a_saga_is_cancelled_before_its_pivot_only(stage: Stage, frames: Frames) -> None:
    saga = await stage.start()
    await stage.work(most=2)
    async with frames.writing(**ABOUT) as frame:
        assert (await service.cancel(frame, saga)).cancelling
    async with frames.writing(**ABOUT) as frame:
        assert (await service.cancel(frame, saga)).cancelling
    assert (await events(frames, saga)).count("cancel_requested") == 1
    await stage.work()
    ended = await stage.shown(saga)
    assert (ended.state, ended.error) == ("compensated", "it was cancelled")
    assert stage.done == ["hold", "book", "undo book", "undo hold"]
    other = await stage.start()
    await stage.work(most=3)
    async with frames.writing(**ABOUT) as frame:
        with pytest.raises(SagaPastPivot, match="mail"):
            await service.cancel(frame, other)
    await stage.work()
    assert (await stage.shown(other)).state == "succeeded"
    async with frames.writing(**ABOUT) as frame:
        with pytest.raises(SagaEnded, match="succeeded"):
            await service.cancel(frame, other)


async def test_a_cancellation_during_a_step_lets_it_end_and_then_turns_back(stage: Stage, frames: Frames) -> None:
    from dataclasses import replace

    definition = stage.definition()
    act = definition.steps[1].action
    assert act is not None

    async def cancelled_meanwhile(running: Any) -> Any:
        async with frames.writing(**ABOUT) as frame:
            await service.cancel(frame, running.saga)
        return await act(running)

    steps = (definition.steps[0], replace(definition.steps[1], action=cancelled_meanwhile), *definition.steps[2:])
    stage.definition = lambda version=1: replace(definition, steps=steps)  # type: ignore[method-assign]
    saga = await stage.start()
    await stage.work()
    assert (await stage.shown(saga)).state == "compensated"
    assert stage.done == ["hold", "book", "undo book", "undo hold"]


async def test_a_retry_by_hand_takes_the_waiting_time_and_counts_failures_anew(stage: Stage, frames: Frames) -> None:
    stage.options = {"page_after": 2}
    stage.told({"mail": ["lost before"] * 4})
    saga = await stage.start()
    await stage.work(most=6)
    stuck = await stage.shown(saga)
    assert (stuck.state, stuck.steps[3].failures) == ("stuck", 3)
    assert [job.scheduled_at is None for job in await queued(frames)] == [False]
    async with frames.writing(**ABOUT) as frame:
        assert (await service.retry(frame, saga)).state == "running"
    assert [job.scheduled_at is None for job in await queued(frames)] == [True]
    await stage.work(most=1)
    again = await stage.shown(saga)
    assert (again.state, again.steps[3].failures) == ("running", 1)
    await stage.work()
    assert (await stage.shown(saga)).state == "succeeded"


async def test_a_retry_by_hand_does_not_hide_that_a_saga_is_past_its_deadline(
    stage: Stage, clock: FixedClock, frames: Frames
) -> None:
    stage.options = {"deadline": 60.0}
    stage.told({"mail": ["lost before"]})
    saga = await stage.start()
    await stage.work(most=4)
    clock.instant += timedelta(seconds=61)
    async with frames.writing(**ABOUT) as frame:
        assert (await service.retry(frame, saga)).state == "stuck"


async def test_a_saga_without_a_job_gets_one_by_a_retry(stage: Stage, frames: Frames) -> None:
    saga = await stage.start()
    async with frames.writing(**ABOUT) as frame:
        await frame.execute(text("DELETE FROM procrastinate_jobs"))
    async with frames.writing(**ABOUT) as frame:
        await service.retry(frame, saga)
    await stage.work()
    assert (await stage.shown(saga)).state == "succeeded"


async def test_a_worker_leaves_a_version_that_it_does_not_know_and_says_so(stage: Stage, frames: Frames) -> None:
    saga = await stage.start(version=7)
    await stage.work(1, most=3)
    left = await stage.shown(saga)
    assert (left.state, states(left), stage.done) == ("pending", ["pending"] * 4, [])
    assert left.error == "no worker came by that knows tests.stage in version 7"
    assert (await events(frames, saga)).count("left") == 1
    assert [job.scheduled_at is None for job in await queued(frames)] == [False]
    await stage.work(1, 7)
    assert (await stage.shown(saga)).state == "succeeded"


async def test_a_worker_that_was_taken_for_dead_wakes_up_and_changes_nothing(stage: Stage, frames: Frames) -> None:
    """The second worker runs the same turn to its end while the first one sleeps in its action."""
    from dataclasses import replace

    definition = stage.definition()
    seen: list[str] = []

    async def overtaken(running: Any) -> None:
        if not seen:
            seen.append("asleep")
            async with frames.writing(**ABOUT) as frame:
                await frame.execute(text("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'"))
            await stage.work(most=1)
        async with running.writing() as frame:
            seen.append("effect")
            frame.record("test.effect", running.saga, 1)

    steps = (definition.steps[0], replace(definition.steps[1], action=overtaken), *definition.steps[2:])
    stage.definition = lambda version=1: replace(definition, steps=steps)  # type: ignore[method-assign]
    saga = await stage.start()
    await stage.work()
    assert (await stage.shown(saga)).state == "succeeded"
    assert seen == ["asleep", "effect"]
    assert (await events(frames, saga)).count("test.effect") == 1
    assert (await events(frames, saga)).count("step_done") == 3
