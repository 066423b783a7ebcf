"""What a benchmark case is, how it is judged, and how its result is written."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).parent / "results"


class NotMeasured(Exception):
    """What was measured did not do its work, so its time says nothing."""


@dataclass(frozen=True)
class Measured:
    """The ratios of one run, or why there are none: what the case needs is missing."""

    ratios: Sequence[float] = ()
    missing: str = ""


@dataclass(frozen=True)
class Case:
    """A figure with its goal, or for information only: `ratio` of ours to `against`; `run(quick)` measures it."""

    name: str
    against: str
    goal: float | None
    better: Literal["higher", "lower"]
    run: Callable[[bool], Measured]

    def is_met(self, ratio: float) -> bool | None:
        """Whether a ratio reaches the goal; None where there is none."""
        if self.goal is None:
            return None
        return ratio <= self.goal if self.better == "lower" else ratio >= self.goal


def result(case: Case, measured: Measured, *, quick: bool) -> dict[str, object]:
    """The result as it is written: the median decides."""
    ratios = [round(ratio, 4) for ratio in measured.ratios]
    ratio = statistics.median(ratios)
    return {
        "case": case.name,
        "ratio": ratio,
        "goal": case.goal,
        "better": case.better,
        "met": case.is_met(ratio),
        "min": min(ratios),
        "median": ratio,
        "max": max(ratios),
        "n": len(ratios),
        "against": case.against,
        "machine": machine(),
        "quick": quick,
    }


def write(found: dict[str, object], folder: Path = RESULTS) -> Path:
    """Write one result beside the others."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found['case']}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    return path


def alternately(ours: Callable[[], object], floor: Callable[[], object], pairs: int) -> list[float]:
    """Time both by turns, so that a busy machine slows both; one ratio per pair, after one pair to warm up."""
    seconds(ours), seconds(floor)
    return [seconds(ours) / seconds(floor) for _ in range(pairs)]


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def machine() -> dict[str, object]:
    """The machine behind the figures and how busy it is, without anything that names its owner."""
    return {
        "system": platform.system(),
        "arch": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
