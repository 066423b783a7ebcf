"""The threshold of the second person as a rule: an amount above it gets through whole or split only with one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.kit.money import Money
from rtp.refunds import rules
from rtp.refunds.rules import SPANS, Case
from rtp.refunds.schemas import DeskLimit, RefundRules, Threshold

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ABOVE = 20_000
RULES = RefundRules(
    limits=[DeskLimit(role="support", currency="USD"), DeskLimit(role="support", currency="EUR")],
    approval=[Threshold(currency="USD", above=ABOVE)],
)


def waits(amount: int, day: int, *, week: int | None = None, currency: str = "USD") -> tuple[bool, str]:
    """Whether a refund waits for a second person when the member has so much of a day, and what is said of it."""
    case = Case(
        amount=Money(amount, currency),
        subject="support",
        products=(),
        captured_at=NOW,
        now=NOW,
        by_issuer=dict.fromkeys(SPANS, 0),
        to_member={"day": day, "week": week or day, "month": week or day},
    )
    [verdict] = [one for one in rules.judge(RULES, 1, case) if one.rule == "approval"]
    return verdict.approval, verdict.detail


@pytest.mark.parametrize(
    "amount, day, waiting, said",
    [
        (20_000, 0, False, "nobody else has to approve up to 200.00 USD"),
        (20_001, 0, True, "above 200.00 USD: another person"),
        (19_900, 100, False, "nobody else has to approve up to 200.00 USD, 1.00 USD of it used in 1 day"),
        (19_900, 101, True, "200.01 USD for the member in 1 day is above 200.00 USD: another person"),
        (19_900, 19_900, True, "398.00 USD for the member in 1 day is above 200.00 USD: another person"),
        (1, 20_000, True, "200.01 USD for the member in 1 day is above 200.00 USD: another person"),
        (20_001, 500, True, "above 200.00 USD: another person"),
    ],
)
def test_what_the_member_has_of_the_day_and_this_one_are_compared_together(
    amount: int, day: int, waiting: bool, said: str
) -> None:
    found = waits(amount, day)
    assert (found[0], found[1].startswith(said)) == (waiting, True), found[1]


def test_what_is_older_than_a_day_is_not_compared_and_a_currency_without_a_row_always_waits() -> None:
    assert waits(20_000, 0, week=90_000)[0] is False
    assert waits(1, 0, currency="EUR")[0] is True


parts = st.lists(st.tuples(st.integers(1, ABOVE + 5_000), st.integers(0, 26 * 3600)), min_size=1, max_size=12)


@given(parts)
def test_no_split_of_an_amount_above_the_threshold_gets_through_a_day_without_a_second_person(
    split: list[tuple[int, int]],
) -> None:
    """Each part comes so many seconds after the one before; what waits counts too, as it may still be paid."""
    at, issued, alone = NOW, list[tuple[datetime, int]](), list[tuple[datetime, int]]()
    for amount, seconds in split:
        at += timedelta(seconds=seconds)
        day = sum(before for when, before in issued if when > at - SPANS["day"])
        issued.append((at, amount))
        if not waits(amount, day)[0]:
            alone.append((at, amount))
    for first, _ in alone:
        of_a_day = sum(amount for when, amount in alone if first <= when < first + SPANS["day"])
        assert of_a_day <= ABOVE
