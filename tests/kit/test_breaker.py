"""The breaker against opossum 10.0.0: each rule by its number, and opossum's own record of calls.

The rules: 1 the rate is strictly greater · 2 only a failure opens, the first may · 3 calls under way and rejected ones
count as fires · 4 a timeout at its millisecond · 5 open rejects without running · 6 half-open by itself, one probe ·
7 the probe decides · 8 an old success closes only when half-open · 9 old failures do not prolong · 10 the window ·
11 filtered errors · 12 over capacity · 13 fallback · 14 shut down, disabled, warm-up · 15 the instant of opening ·
16 which answers of a provider count (tests/payments/test_guarded.py).
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from rtp.kit.breaker import Breaker, BreakerOpen, BreakerShutDown, CallTimedOut, OverCapacity, Rules
from tests.kit.breaking import Failed, Filtered, Replay, replayed, rules_of

RECORDED = json.loads((Path(__file__).parents[1] / "vectors" / "breaker" / "opossum-10.json").read_text())
MILLIS: dict[str, Any] = rules_of({"timeout": 3000})


def usual(**changed: Any) -> Replay:
    return Replay(**(MILLIS | changed))


@pytest.mark.parametrize("scenario", RECORDED, ids=lambda scenario: scenario["id"])
def test_it_does_what_opossum_did(scenario: dict[str, Any]) -> None:
    ours, theirs = replayed(scenario["given"]), scenario["expect"]
    assert ours["happenings"] == theirs["happenings"]
    for look in (*ours["looks"], *theirs["looks"]):
        if look["state"] == "shut_down":
            look.pop("counts", None)  # theirs stand still then, as their window has no timer any more
    assert ours["looks"] == theirs["looks"]


def test_the_record_shows_every_kind_of_happening_many_times() -> None:
    drawn = [one for one in RECORDED if one["id"].startswith("drawn")]
    seen = [what for one in drawn for _, what in one["expect"]["happenings"]]
    assert all(
        seen.count(what) > 50 for what in ("success", "failure", "timeout", "reject", "open", "half_open", "close")
    )


def test_1_it_opens_only_when_strictly_more_than_half_failed() -> None:
    replay = usual()
    replay.succeeds(11)
    replay.fails(12)
    assert replay.state() == "closed"
    replay.fails(13)
    assert replay.state() == "open"


def test_2_the_first_call_failing_opens_and_a_success_never_does() -> None:
    replay = usual(volume=3)
    replay.fails(1)
    replay.fails(2)
    replay.succeeds(3)  # two of three failed, and the volume is reached by a success
    assert replay.state() == "closed"
    fresh = usual()
    fresh.fails(1)
    assert fresh.state() == "open"


def test_3_calls_under_way_dilute_the_rate_until_they_time_out() -> None:
    replay = usual()
    for millis in range(10, 60, 10):
        replay.begin(millis)
    replay.fails(71)
    assert replay.state(3029) == "closed"  # 3 of 6 failed
    assert replay.state(3030) == "open"  # the 4th of 6
    assert replay.names().count("timeout") == 3


def test_3_rejected_calls_count_as_fires_and_not_as_failures() -> None:
    replay = usual()
    replay.fails(1)
    assert [replay.refused(2), replay.refused(3)] == ["EOPENBREAKER"] * 2
    assert (replay.breaker.count("fire"), replay.breaker.count("failure"), replay.breaker.count("reject")) == (3, 1, 2)


def test_4_a_call_times_out_at_3000_ms_and_gives_its_place_free_and_its_late_result_is_ignored() -> None:
    replay = usual(capacity=1)
    ticket = replay.begin(1)
    assert replay.state(3000) == "closed"
    assert replay.state(3001) == "open"
    assert replay.happenings[1:] == [[3001, "timeout"], [3001, "failure"], [3001, "open"]]
    replay.breaker.succeed(ticket)
    assert replay.names()[-1] == "open"
    replay.begin(33_001)  # the one place is free


def test_5_while_open_calls_are_rejected_at_once_and_not_run() -> None:
    replay = usual()
    replay.fails(1)
    with pytest.raises(BreakerOpen) as refused:
        replay.begin(10_001)
    assert refused.value.code == "EOPENBREAKER"
    assert refused.value.retry_after == 20_000


def test_6_after_30000_ms_it_turns_half_open_by_itself_and_lets_one_call_through() -> None:
    replay = usual()
    replay.fails(1)
    assert replay.state(30_000) == "open"
    assert replay.state(30_001) == "half_open"
    probe = replay.begin(30_002)
    assert replay.refused(30_003) == "EOPENBREAKER"
    assert replay.breaker.retry_after == 2_999  # the probe ends by then, whatever becomes of it
    replay.breaker.succeed(probe)
    replay.begin(30_004)


def test_7_a_probe_that_succeeds_closes_and_one_that_fails_opens_for_another_30000_ms() -> None:
    replay = usual(volume=1000)
    replay.breaker.open()
    replay.at(30_000)
    replay.fails(30_005)  # below the volume, yet it opens
    assert replay.state(60_004) == "open"
    assert replay.state(60_005) == "half_open"
    replay.succeeds(60_006)
    assert replay.state() == "closed"


def test_8_the_success_of_an_old_call_changes_nothing_while_open_and_closes_while_half_open() -> None:
    replay = usual(timeout=60_000, volume=4)
    early, late = replay.begin(1), replay.begin(2)
    for millis in (3, 4, 5):
        replay.fails(millis)
    assert replay.state() == "open"
    replay.at(1000).breaker.succeed(early)
    assert replay.state() == "open"
    assert replay.state(30_005) == "half_open"
    replay.breaker.succeed(late)
    assert replay.state() == "closed"


def test_9_failures_of_old_calls_while_open_change_nothing_and_do_not_prolong_the_wait() -> None:
    replay = usual(timeout=60_000, volume=4)
    old = replay.begin(1)
    for millis in (3, 4, 5):
        replay.fails(millis)
    replay.at(20_000).breaker.fail(old, Failed())
    assert replay.names().count("open") == 1
    assert replay.state(30_005) == "half_open"


def test_10_at_9999_ms_old_counts_remain_at_10000_the_oldest_bucket_is_gone() -> None:
    replay = usual(volume=100)
    replay.fails(999)
    replay.fails(1000)
    replay.at(9999)
    assert replay.breaker.count("failure") == 2
    replay.at(10_000)
    assert replay.breaker.count("failure") == 1
    replay.at(11_000)
    assert replay.breaker.count("failure") == 0


def test_10_closing_does_not_clear_the_window() -> None:
    replay = usual(reset=1000)
    replay.fails(1)
    replay.succeeds(1002)
    replay.fails(1003)  # 2 of 3
    assert replay.state() == "open"


def test_11_a_filtered_error_counts_as_success_and_closes_a_half_open_breaker() -> None:
    replay = usual()
    replay.breaker.open()
    replay.breaker.fail(replay.begin(30_000), Filtered())
    assert replay.state() == "closed"
    assert (replay.breaker.count("success"), replay.breaker.count("failure")) == (1, 0)


def test_12_over_capacity_is_refused_at_once_and_counts_as_a_failure_unless_it_is_told_not_to() -> None:
    replay = usual(capacity=1)
    replay.begin(1)
    assert replay.refused(2) == "ESEMLOCKED"
    assert replay.breaker.count("failure") == 1
    assert replay.refused(3) == "ESEMLOCKED"  # 2 of 3 failed
    assert replay.state() == "open"
    lenient = usual(capacity=1, capacity_counts=False)
    lenient.begin(1)
    assert [lenient.refused(2), lenient.refused(3)] == ["ESEMLOCKED"] * 2
    assert (lenient.breaker.count("failure"), lenient.state()) == (0, "closed")


def test_14_warm_up_keeps_it_closed_during_the_first_window_only() -> None:
    replay = usual(warm_up=True)
    replay.fails(1)
    replay.fails(9_999)
    assert replay.state() == "closed"
    replay.fails(10_000)
    assert replay.state() == "open"


def test_15_the_wait_is_measured_from_the_opening_and_not_from_the_making() -> None:
    replay = usual()
    replay.fails(25_000)
    assert replay.breaker.retry_after == 30_000
    assert replay.state(54_999) == "open"


def test_a_probe_whose_caller_went_away_gives_its_place_to_the_next() -> None:
    replay = usual()
    replay.fails(1)
    probe = replay.begin(30_001)
    replay.breaker.abandon(probe)
    assert replay.breaker.count("failure") == 0
    replay.succeeds(30_002)
    assert replay.state() == "closed"


def test_when_nothing_was_begun_within_the_window_an_old_failure_opens_all_the_same() -> None:
    replay = usual(timeout=60_000)
    old = replay.begin(1)
    replay.at(20_000).breaker.fail(old, Failed())  # 1 failure of 0 fires
    assert replay.state() == "open"


async def answer(*given: Any) -> Any:
    return given


async def fail(*_: Any) -> Any:
    raise Failed


async def hang(*_: Any) -> Any:
    await asyncio.Event().wait()


async def queued(*given: Any) -> Any:
    return ("queued", *given)


async def test_a_call_gives_what_the_action_gives() -> None:
    assert await Breaker("tests").call(answer, 1, 2) == (1, 2)


async def test_an_action_that_takes_too_long_is_cancelled_and_told_as_a_timeout() -> None:
    ended = asyncio.Event()

    async def slow() -> None:
        try:
            await hang()
        finally:
            ended.set()

    breaker = Breaker("tests", Rules(timeout=0.01))
    with pytest.raises(CallTimedOut):
        await breaker.call(slow)
    assert ended.is_set()
    assert breaker.totals == {"fire": 1, "timeout": 1, "failure": 1, "open": 1}


async def test_an_answer_that_comes_after_the_deadline_is_counted_as_late_and_still_given() -> None:
    async def stubborn() -> str:
        try:
            await hang()
        except asyncio.CancelledError:
            return "done"
        raise AssertionError

    breaker = Breaker("tests", Rules(timeout=0.01))
    assert await breaker.call(stubborn) == "done"
    assert (breaker.totals["timeout"], breaker.totals["success"]) == (1, 0)


async def test_a_cancelled_caller_counts_as_nothing_and_gives_its_place_free() -> None:
    breaker = Breaker("tests", Rules(capacity=1))
    task = asyncio.create_task(breaker.call(hang))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert breaker.totals == {"fire": 1}
    assert await breaker.call(answer, 1) == (1,)


async def test_13_the_fallback_gets_the_arguments_and_the_error_on_every_kind_of_failure() -> None:
    breaker = Breaker("tests", Rules(timeout=0.01, volume=4, capacity=1))
    kinds = [await breaker.call(fail, 7, fallback=queued)]
    holding = breaker.begin(60)
    kinds.append(await breaker.call(answer, 7, fallback=queued))
    breaker.abandon(holding)
    kinds.append(await breaker.call(hang, 7, fallback=queued))
    kinds.append(await breaker.call(answer, 7, fallback=queued))
    assert [(word, given) for word, given, _ in kinds] == [("queued", 7)] * 4
    assert [type(error) for *_, error in kinds] == [Failed, OverCapacity, CallTimedOut, BreakerOpen]
    assert breaker.totals["fallback"] == 4


async def test_13_when_the_fallback_fails_its_error_is_what_the_caller_gets() -> None:
    async def full(*_: Any) -> Any:
        raise ConnectionError("nothing could be queued")

    with pytest.raises(ConnectionError, match="nothing could be queued"):
        await Breaker("tests").call(fail, fallback=full)


async def test_11_a_filtered_error_reaches_the_caller_and_no_fallback_runs() -> None:
    async def refuse(*_: Any) -> Any:
        raise Filtered

    breaker = Breaker("tests", filtered=lambda error: isinstance(error, Filtered))
    with pytest.raises(Filtered):
        await breaker.call(refuse, fallback=queued)
    assert breaker.state == "closed"


async def test_14_shut_down_it_takes_no_call_and_runs_no_fallback() -> None:
    breaker = Breaker("tests")
    breaker.shut_down()
    with pytest.raises(BreakerShutDown) as refused:
        await breaker.call(answer, fallback=queued)
    assert refused.value.code == "ESHUTDOWN"
    assert breaker.totals == {}


async def test_14_disabled_it_runs_the_action_bare_and_only_fires_count() -> None:
    breaker = Breaker("tests")
    breaker.enabled = False
    for _ in range(3):
        with pytest.raises(Failed):
            await breaker.call(fail, fallback=queued)
    assert breaker.totals == {"fire": 3}
    assert breaker.state == "closed"
