"""How long `rtp up` of an instance that was up before takes until it is healthy, and `rtp down` until all has ended."""

from __future__ import annotations

from functools import cache

from bench import platform
from bench.frame import Case, Measured, seconds

UP_SECONDS, DOWN_SECONDS = 3.0, 2.0


@cache
def cycles(count: int) -> list[tuple[float, float]]:
    """Seconds of `rtp down` and of the `rtp up` after it, so often."""
    instance = platform.shared()
    return [(seconds(lambda: platform.down(instance)), seconds(lambda: platform.up(instance))) for _ in range(count)]


def up(quick: bool) -> Measured:
    """`rtp up`, in shares of the seconds it may take."""
    return Measured([up / UP_SECONDS for _, up in cycles(_count(quick))])


def down(quick: bool) -> Measured:
    """`rtp down`, in shares of the seconds it may take."""
    return Measured([down / DOWN_SECONDS for down, _ in cycles(_count(quick))])


def _count(quick: bool) -> int:
    return 2 if quick else 9


CASES = [
    Case("up", f"the {UP_SECONDS:g} s that a warm start may take", 1.0, "lower", up),
    Case("down", f"the {DOWN_SECONDS:g} s that stopping may take", 1.0, "lower", down),
]
