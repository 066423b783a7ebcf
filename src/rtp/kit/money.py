"""Money: integer minor units of one currency; mixing currencies or using floats is a type error."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import msgspec

from rtp.kit.currencies import EXPONENTS

if TYPE_CHECKING:
    from fractions import Fraction  # a millisecond that a command line does not need

MAX_AMOUNT = 2**53 - 1
"""Largest amount in minor units: what every JSON reader keeps exactly."""


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units (cents of USD, yen of JPY) and its ISO 4217 currency."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise TypeError(f"an amount is an int of minor units, not {type(self.amount).__name__}")
        if self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}")
        if abs(self.amount) > MAX_AMOUNT:
            raise ValueError(f"amount {self.amount} is out of range")

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._same(other)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        exponent = EXPONENTS[self.currency]
        return f"{Decimal(self.amount).scaleb(-exponent):,.{exponent}f} {self.currency}"

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"money and {type(other).__name__} do not mix")
        if other.currency != self.currency:
            raise TypeError(f"{self.currency} and {other.currency} do not mix")
        return other.amount

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Nothing, in a currency."""
        return cls(0, currency)

    @classmethod
    def total(cls, parts: Iterable[Money], currency: str) -> Money:
        """The sum of parts that all have this currency."""
        result = cls.zero(currency)
        for part in parts:
            result = result + part
        return result

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Read major units such as `25.00`.

        Raises: ValueError for a text that is no number, or has more places than the currency.
        """
        if currency not in EXPONENTS:
            raise ValueError(f"unknown currency {currency!r}")
        try:
            minor = Decimal(text.strip()).scaleb(EXPONENTS[currency])
        except InvalidOperation as error:
            raise ValueError(f"{text!r} is not an amount") from error
        if not minor.is_finite():
            raise ValueError(f"{text!r} is not an amount")
        if minor != minor.to_integral_value():
            raise ValueError(f"{text!r} has more decimal places than {currency} has ({EXPONENTS[currency]})")
        return cls(int(minor), currency)


def round_half_away(value: Fraction) -> int:
    """Round to the nearest integer, halves away from zero."""
    doubled = abs(value) * 2 + 1
    rounded = doubled.numerator // (doubled.denominator * 2)
    return rounded if value >= 0 else -rounded
