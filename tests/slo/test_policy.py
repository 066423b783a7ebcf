"""The arithmetic of error budgets, by the vectors of the Site Reliability Workbook and of slo-generator."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.slo import policy

DAYS = 86_400


@pytest.mark.parametrize(
    "target, days30, days28, highest",
    [
        ("0.9", "4320", "4032", 10),
        ("0.99", "432", "403.2", 100),
        ("0.999", "43.2", "40.32", 1000),
        ("0.9995", "21.6", "20.16", 2000),
        ("0.9999", "4.32", "4.032", 10_000),
    ],
)
def test_a_target_has_its_budget_of_minutes_and_its_highest_burn(
    target: str, days30: str, days28: str, highest: int
) -> None:
    exact = Fraction(target)
    assert policy.budget_minutes(exact, 30 * DAYS) == Fraction(days30)
    assert policy.budget_minutes(exact, 28 * DAYS) == Fraction(days28)
    assert policy.highest_burn(exact) == highest


@pytest.mark.parametrize(
    "share, hours, period_days, burn",
    [("0.02", 1, 30, "14.4"), ("0.05", 6, 30, "6"), ("0.10", 24, 30, "3"), ("0.10", 72, 30, "1"),
     ("0.02", 1, 28, "13.44"), ("0.05", 6, 28, "5.6"), ("0.10", 24, 28, "2.8"), ("0.08", 1, 7, "13.44")],
)  # fmt: skip
def test_a_burn_over_a_window_uses_its_share_of_the_period(share: str, hours: int, period_days: int, burn: str) -> None:
    target = Fraction("0.999")
    measured = 1 - Fraction(burn) * policy.budget(target)
    used = policy.consumed(measured, target, Fraction(hours * 3600), Fraction(period_days * DAYS))
    assert used == Fraction(share)


@pytest.mark.parametrize("sli, burn", [("0.99896", "1.04"), ("0.99096", "9.04"), ("0.99894", "1.06")])
def test_a_burn_is_not_rounded_before_it_is_compared(sli: str, burn: str) -> None:
    found = policy.burn(Fraction(sli), Fraction("0.999"))
    assert found == Fraction(burn)
    assert found > int(found)


def test_one_failure_among_70_does_not_burn_faster_than_14_4_and_among_69_it_does() -> None:
    target = Fraction("0.999")
    assert policy.burn(Fraction(68, 69), target) > Fraction("14.4")
    assert policy.burn(Fraction(69, 70), target) < Fraction("14.4")


def test_the_parts_of_a_budget_add_up() -> None:
    target, measured, window = Fraction("0.999"), Fraction("0.9985"), 28 * DAYS
    spent = policy.spent_minutes(measured, window)
    assert spent == Fraction("60.48")
    assert policy.budget_minutes(target, window) - spent == window * (measured - target) / 60


@pytest.mark.parametrize(
    "bad, total, low, high",
    [(0, 10, 0.0, 0.27753), (1, 10, 0.01788, 0.40415), (10, 10_000, 0.000543, 0.001840)],
)
def test_the_wilson_interval_has_the_known_values(bad: int, total: int, low: float, high: float) -> None:
    lower, upper = policy.wilson(bad, total)
    assert lower == pytest.approx(low, abs=6e-6)
    assert upper == pytest.approx(high, abs=6e-6)


@pytest.mark.parametrize(
    "good, total, least, verdict",
    [(0, 0, 1, "unknown"), (99, 99, 100, "unknown"), (0, 99, 100, "unknown"), (100, 100, 100, "met"),
     (999, 1000, 100, "met"), (998, 1000, 100, "missed"), (998_999, 1_000_000, 100, "missed")],
)  # fmt: skip
def test_too_few_events_are_unknown_and_never_green(good: int, total: int, least: int, verdict: str) -> None:
    assert policy.verdict(good, total, Fraction("0.999"), least) == verdict


def test_missed_goes_before_unknown_and_unknown_before_met() -> None:
    assert policy.worst(["met", "unknown", "missed"]) == "missed"
    assert policy.worst(["met", "unknown"]) == "unknown"
    assert policy.worst(["met", "met"]) == "met"


@given(total=st.integers(1, 10**9), data=st.data(), target=st.sampled_from(["0.9", "0.999", "0.99999"]))
def test_a_share_never_reads_better_than_its_verdict(total: int, data: st.DataObject, target: str) -> None:
    good = data.draw(st.integers(0, total))
    wanted, measured = Fraction(target), Fraction(good, total)
    text = policy.shown_share(measured, wanted)
    assert (Fraction(text) >= wanted) == (policy.verdict(good, total, wanted, 1) == "met")
    assert (text == "1") == (good == total)
