"""Which of the sandbox provider's calls go wrong: a share of them, spread evenly."""

from __future__ import annotations


class Failing:
    """Spreads failures evenly: at a rate of 0.25 every fourth call fails."""

    def __init__(self) -> None:
        self._owed = 0.0

    def next(self, rate: float) -> bool:
        """Whether this call fails."""
        self._owed = round(self._owed + rate, 9)
        if self._owed < 1:
            return False
        self._owed -= 1
        return True
