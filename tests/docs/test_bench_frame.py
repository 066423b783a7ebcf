"""A benchmark's result says what was compared, and judges itself by the median of one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from bench.frame import Case, Measured, alternately, result, write

WANTED = {"case", "ratio", "goal", "better", "met", "min", "median", "max", "n", "against", "machine", "quick"}


def case(better: Literal["higher", "lower"], goal: float) -> Case:
    return Case("some-case", "a floor", goal, better, lambda quick: Measured())


def test_a_result_has_every_field_and_takes_the_median(tmp_path: Path) -> None:
    found = result(case("lower", 2.0), Measured([3.0, 1.0, 1.5]), quick=True)
    assert set(found) == WANTED
    assert (found["ratio"], found["min"], found["max"], found["n"], found["met"]) == (1.5, 1.0, 3.0, 3, True)
    assert json.loads(write(found, tmp_path).read_text()) == found


@pytest.mark.parametrize(
    "better,ratio,met",
    [("lower", 2.0, True), ("lower", 2.01, False), ("higher", 2.0, True), ("higher", 1.99, False)],
)
def test_a_goal_is_met_on_its_own_side(better: Literal["higher", "lower"], ratio: float, met: bool) -> None:
    assert case(better, 2.0).is_met(ratio) is met


def test_ours_and_the_floor_are_measured_by_turns_after_a_warm_up() -> None:
    calls: list[str] = []
    ratios = alternately(lambda: calls.append("ours"), lambda: calls.append("floor"), pairs=2)
    assert calls == ["ours", "floor"] * 3
    assert len(ratios) == 2


def test_a_figure_for_information_is_neither_met_nor_missed() -> None:
    found = result(Case("some-case", "a floor", None, "lower", lambda quick: Measured()), Measured([9.0]), quick=False)
    assert (found["goal"], found["met"], found["ratio"]) == (None, None, 9.0)
