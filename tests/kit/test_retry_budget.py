"""Retries are at most a tenth of the calls of the last ten seconds."""

from __future__ import annotations

import random

from rtp.kit.retry_budget import RetryBudget


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_the_tenth_call_pays_for_the_first_retry_and_nine_do_not() -> None:
    budget = RetryBudget(monotonic=Time())
    for _ in range(9):
        budget.call()
    assert not budget.take()
    budget.call()
    assert budget.take()
    assert not budget.take()


def test_calls_pay_for_ten_seconds_only() -> None:
    time = Time()
    budget = RetryBudget(monotonic=time)
    for _ in range(100):
        budget.call()
    time.seconds = 9.999
    assert budget.take()
    time.seconds = 10.0
    assert not budget.take()


def test_however_calls_and_retries_come_no_window_holds_more_than_a_tenth() -> None:
    source, time = random.Random(7), Time()
    budget = RetryBudget(monotonic=time)
    calls: list[float] = []
    retries: list[float] = []
    for _ in range(20_000):
        time.seconds += source.choice((0.0, 0.001, 0.02, 0.5))
        budget.call()
        calls.append(time.seconds)
        if source.random() < 0.5 and budget.take():
            retries.append(time.seconds)
            since = time.seconds - time.seconds % 1 - 9  # the window's oldest bucket
            assert sum(one >= since for one in retries[-500:]) <= 0.1 * sum(one >= since for one in calls[-2000:])
    assert len(retries) > 1000
