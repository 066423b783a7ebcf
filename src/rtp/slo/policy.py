"""The arithmetic of error budgets, in exact rationals; what is shown is rounded at the very end.

SLI = good / total. Budget = 1 − target. Burn = (1 − SLI) / budget (The Site Reliability Workbook, chapter 5).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Literal

Verdict = Literal["met", "missed", "unknown"]
Z95 = 1.959963984540054
"""Quantile of the normal distribution for a two-sided 95 % interval."""


def sli(good: int, total: int) -> Fraction | None:
    """The share of good events; nothing happened, nothing to say."""
    return Fraction(good, total) if total else None


def verdict(good: int, total: int, target: Fraction, min_events: int) -> Verdict:
    """Met or missed from `min_events` on; below that nobody knows, least of all that all is well."""
    measured = sli(good, total)
    if measured is None or total < min_events:
        return "unknown"
    return "met" if measured >= target else "missed"


def worst(verdicts: list[Verdict]) -> Verdict:
    """Missed goes before unknown, and unknown before met."""
    order: tuple[Verdict, ...] = ("missed", "unknown", "met")
    return next((one for one in order if one in verdicts), "unknown")


def budget(target: Fraction) -> Fraction:
    """The share of events that may be bad."""
    return 1 - target


def burn(measured: Fraction, target: Fraction) -> Fraction:
    """How many times as fast as allowed the budget is used."""
    return (1 - measured) / budget(target)


def consumed(measured: Fraction, target: Fraction, window: Fraction, period: Fraction) -> Fraction:
    """The share of a period's budget that is used by a window of this SLI."""
    return burn(measured, target) * window / period


def highest_burn(target: Fraction) -> Fraction:
    """The burn when every event is bad."""
    return 1 / budget(target)


def budget_minutes(target: Fraction, seconds: int) -> Fraction:
    """The budget of a window as minutes of nothing but bad events."""
    return seconds * budget(target) / 60


def spent_minutes(measured: Fraction, seconds: int) -> Fraction:
    """The used part of the budget, in the same minutes."""
    return seconds * (1 - measured) / 60


def wilson(good: int, total: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a share (E. B. Wilson, 1927); 0 to 1 when nothing happened."""
    if not total:
        return 0.0, 1.0
    share = good / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def shown(value: Fraction, places: int) -> str:
    """A fraction as a decimal of at most so many places, for people."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    text = f"{exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown_share(measured: Fraction, target: Fraction, places: int = 6) -> str:
    """A share as a decimal that never reads as the target, or as 1, when it is below it."""
    while places < 30:
        text = shown(measured, places)
        if (Fraction(text) >= target) == (measured >= target) and (Fraction(text) == 1) == (measured == 1):
            return text
        places += 3
    return str(measured)
