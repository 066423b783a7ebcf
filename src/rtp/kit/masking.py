"""Hides card numbers: of what looks like one and bears its check digit (Luhn, ISO/IEC 7812-1) four digits stay."""

from __future__ import annotations

import re

_CARD = re.compile(r"(?<![\w])(?:\d[ -]?){12,18}\d(?![\w])")


def card_numbers(text: str) -> str:
    """The text with all but the last four digits of each card number hidden."""
    return _CARD.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    return f"****{digits[-4:]}" if _luhn(digits) else match[0]


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
