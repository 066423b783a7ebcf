"""Amounts as Stripe writes them: the vectors of its page on currencies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.kit.currencies import EXPONENTS
from rtp.kit.money import Money
from rtp.payments.errors import ProviderRefused
from rtp_stripe import units


@pytest.mark.parametrize(
    "amount, currency, written",
    [
        (1000, "USD", 1000),
        (500, "JPY", 500),
        (5120, "KWD", 5120),
        (5, "ISK", 500),
        (1000, "HUF", 1000),
        (700, "MGA", 7),
    ],
)
def test_an_amount_is_written_in_the_units_of_stripe_and_read_back(amount: int, currency: str, written: int) -> None:
    assert units.to_stripe(Money(amount, currency)) == written
    assert units.from_stripe(written, currency.lower()) == Money(amount, currency)


@pytest.mark.parametrize(
    "amount, currency", [(5124, "KWD"), (1, "MGA"), (150, "MGA"), (500, "UGX"), (0, "USD"), (-1, "USD")]
)
def test_what_stripe_cannot_write_is_refused_and_never_rounded(amount: int, currency: str) -> None:
    with pytest.raises(ProviderRefused):
        units.to_stripe(Money(amount, currency))


@pytest.mark.parametrize("written, currency", [(4010, "isk"), (100, "ugx"), (100, "xyz")])
def test_what_we_cannot_write_is_refused_and_never_rounded(written: int, currency: str) -> None:
    with pytest.raises(ProviderRefused):
        units.from_stripe(written, currency)


@given(st.integers(1, 10**9), st.sampled_from(sorted(EXPONENTS)))
def test_whatever_is_written_is_read_back_as_the_same_amount(amount: int, currency: str) -> None:
    try:
        written = units.to_stripe(Money(amount, currency))
    except ProviderRefused:
        return
    assert units.from_stripe(written, currency) == Money(amount, currency)
