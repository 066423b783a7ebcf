"""Arguments: amounts to the last digit, instants in UTC, ids that say what they are."""

from __future__ import annotations

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from rtp_commands.arguments import amount, id_or_key, instant

user = id_or_key("usr", "user", key="e-mail", pattern=r"[^@\s]+@[^@\s]+")


@pytest.mark.parametrize(
    "text, currency, minor",
    [("25.00", "USD", 2500), ("25", "USD", 2500), ("0.01", "USD", 1), ("7", "JPY", 7), ("1.234", "BHD", 1234)],
)
def test_an_amount_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert amount(text).minor(currency) == minor


@pytest.mark.parametrize("text", ["", "-1", "0.00", "1e3", "1,000", "nan", "١٢", "1.", ".5", "25.00 XXX", "1.2345"])
def test_what_is_no_positive_decimal_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        amount(text)


@pytest.mark.parametrize("text, currency", [("1.234", "USD"), ("0.5", "JPY")])
def test_more_places_than_the_currency_has_are_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="decimal places"):
        amount(text).minor(currency)
    with pytest.raises(typer.BadParameter, match="decimal places"):
        amount(f"{text} {currency}")


@given(st.integers(1, 10**14))
def test_every_amount_in_cents_survives_being_typed(minor: int) -> None:
    assert amount(f"{minor // 100}.{minor % 100:02}").minor("USD") == minor


@pytest.mark.parametrize(
    "text, utc",
    [
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        ("2026-11-01T12:00Z", "2026-11-01T12:00:00Z"),
        ("2026-11-01T12:00:00+02:00", "2026-11-01T10:00:00Z"),
    ],
)
def test_an_instant_is_sent_in_utc(text: str, utc: str) -> None:
    assert instant(text) == utc


def test_a_span_counts_back_from_now() -> None:
    assert instant("2d") < instant("24h") < instant("60m") < instant("1s")


@pytest.mark.parametrize("text", ["yesterday", "7", "d", "-1d", "2026-13-01", "1y"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no date"):
        instant(text)


@pytest.mark.parametrize("text", ["usr_38G54Q4EBXYTQ", "ada@example.com"])
def test_a_user_is_named_by_id_or_e_mail(text: str) -> None:
    assert user(f" {text} ") == text


@pytest.mark.parametrize(
    "text, what",
    [("inv_01M82JBJ04FCP9T6B4JW1RNYHP", "that is an invoice id"), ("ada", "neither a user id"), ("", "neither")],
)
def test_a_wrong_kind_of_id_is_named(text: str, what: str) -> None:
    with pytest.raises(typer.BadParameter, match=what):
        user(text)
