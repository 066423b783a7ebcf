"""The backoff of jobs: bounds at every retry, the mean of many draws, no overflow, and the peer's own Retry-After."""

from __future__ import annotations

import math
import random

import pytest

from rtp.jobs.policy import HOUR, Backoff, spread

DRAWS = 10_000
LADDER = Backoff(delay=0.5, cap=300.0)


@pytest.mark.parametrize("retry", range(1, 25))
def test_a_wait_lies_between_half_its_base_and_its_base_at_every_retry(retry: int) -> None:
    source = random.Random(retry)
    base = min(300.0, 0.5 * 2 ** (retry - 1))
    waits = [LADDER.wait(retry, source) for _ in range(500)]
    assert base / 2 <= min(waits) <= max(waits) <= base


@pytest.mark.parametrize("retry", [1, 4, 9, 30])
def test_the_mean_of_ten_thousand_waits_is_three_quarters_of_the_base_within_three_sigma(retry: int) -> None:
    source = random.Random(7)
    base = LADDER.base(retry)
    mean = sum(LADDER.wait(retry, source) for _ in range(DRAWS)) / DRAWS
    sigma = base / 2 / math.sqrt(12) / math.sqrt(DRAWS)
    assert abs(mean - 0.75 * base) < 3 * sigma


def test_a_fixed_backoff_stays_as_it_is() -> None:
    fixed = Backoff(kind="fixed", delay=2.0)
    assert {fixed.base(retry) for retry in (1, 2, 50)} == {2.0}


def test_the_ten_thousandth_retry_waits_for_the_cap_and_does_not_overflow() -> None:
    assert Backoff().base(10_000) == HOUR
    assert Backoff(delay=1e300, cap=1e308).base(10_000) == 1e308
    assert HOUR / 2 <= Backoff().wait(10_000, random.Random(1)) <= HOUR


def test_the_wait_that_a_peer_asks_for_wins_if_it_is_longer_and_ends_at_the_cap() -> None:
    source = random.Random(3)
    waits = [LADDER.wait(1, source, at_least=60.0) for _ in range(500)]
    assert 60.0 <= min(waits) <= max(waits) <= 90.0
    assert LADDER.wait(1, source, at_least=86_400.0) == 300.0
    assert LADDER.wait(30, source, at_least=1.0) >= 150.0


def test_a_wait_told_to_many_is_never_shorter_and_never_more_than_half_as_long_again() -> None:
    source = random.Random(5)
    waits = [spread(30.0, source) for _ in range(DRAWS)]
    assert 30.0 <= min(waits) <= max(waits) <= 45.0
    sigma = 15.0 / math.sqrt(12) / math.sqrt(DRAWS)
    assert abs(sum(waits) / DRAWS - 37.5) < 3 * sigma
