"""Thresholds and percentiles of load tests: never better than what was measured."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.loadtests import policy
from rtp.loadtests.policy import Counted
from rtp.loadtests.schemas import ThresholdResult


def locusts(times: list[float]) -> dict[int, int]:
    """The times as locust keeps them: two significant digits, from 100 ms on."""
    places = [0 if time < 100 else -1 if time < 1000 else -2 if time < 10_000 else -3 for time in times]
    return dict(Counter(int(round(time, place)) for time, place in zip(times, places, strict=True)))


def counted(times: list[float], failures: int = 0) -> Counted:
    return Counted(
        name="pages",
        requests=len(times),
        failures=failures,
        total_ms=sum(times),
        max_ms=max(times, default=0.0),
        times=locusts(times),
    )


@given(
    times=st.lists(st.floats(0.1, 60_000), min_size=1, max_size=200),
    share=st.sampled_from(["0.5", "0.9", "0.95", "0.99", "0.999"]),
)
def test_a_percentile_is_an_upper_bound_and_not_much_above(times: list[float], share: str) -> None:
    exact = sorted(times)[max(1, math.ceil(Fraction(share) * len(times))) - 1]
    bound = policy.percentile(counted(times), Fraction(share))
    assert exact <= bound + 1e-9
    assert bound <= max(exact * 1.11, exact + 1)


def test_a_percentile_is_never_above_the_largest_time_that_was_seen() -> None:
    many = counted([float(time) for time in range(1001, 1101)])
    assert policy.percentile(many, Fraction("0.99")) == 1100
    assert policy.percentile(many, Fraction("0.5")) == 1050


@pytest.mark.parametrize(
    "text, outcome",
    [
        ("p95 < 250 ms", "held"),
        ("p95 <= 0.2 s", "held"),
        ("p50 < 100 ms", "missed"),
        ("max < 200 ms", "missed"),
        ("max <= 200 ms", "held"),
        ("error_ratio < 10 %", "missed"),
        ("error_ratio <= 10 %", "held"),
        ("error_ratio <= 0.1", "held"),
        ("failures < 2", "held"),
        ("requests > 10", "missed"),
        ("requests >= 10", "held"),
        ("rps > 4.9 /s", "held"),
        ("rps > 5", "missed"),
        ("mean < 155.1 ms", "held"),
    ],
)
def test_thresholds_are_judged_exactly_at_their_limits(text: str, outcome: str) -> None:
    found = policy.judge(policy.parse("pages", text), counted([110.0] * 5 + [200.0] * 5, failures=1), 2.0)
    assert found.outcome == outcome


@pytest.mark.parametrize("metric", [name for name in policy.KINDS if name != "requests"])
@pytest.mark.parametrize("part", [None, Counted(name="pages")], ids=["no such name", "no request"])
def test_a_metric_without_samples_has_not_held(metric: str, part: Counted | None) -> None:
    unit = {"time": " ms", "ratio": " %"}.get(policy.KINDS[metric], "")
    found = policy.judge(policy.parse("pages", f"{metric} < 1000{unit}"), part, 10.0)
    assert found.outcome == "no samples"
    assert policy.verdict(100, [found], crashed=False, interrupted=False) == "missed"


@pytest.mark.parametrize(
    "text", ["p95 < 250", "p95 < 250 %", "p42 < 1 ms", "p95 ~ 1 ms", "requests > 10 ms", "", "p95<", "errors < 1"]
)
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"threshold|given in"):
        policy.parse("total", text)


def test_what_did_not_end_by_itself_is_not_judged_by_its_thresholds() -> None:
    held = [ThresholdResult(name="total", threshold="requests > 1", measured="2", outcome="held")]
    assert policy.verdict(2, held, crashed=False, interrupted=False) == "held"
    assert policy.verdict(2, held, crashed=True, interrupted=False) == "crashed"
    assert policy.verdict(2, held, crashed=True, interrupted=True) == "interrupted"
    assert policy.verdict(0, held, crashed=False, interrupted=False) == "no data"


def test_the_total_is_the_sum_of_the_names() -> None:
    total = policy.merged([counted([10.0, 20.0], failures=1), counted([20.0, 900.0])])
    assert (total.requests, total.failures, total.max_ms, total.total_ms) == (4, 1, 900.0, 950.0)
    assert total.times == {10: 1, 20: 2, 900: 1}
