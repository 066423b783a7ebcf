"""Comparing the provider's record with ours, without either."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rtp.invariants import policy
from rtp.invariants.policy import Ours, Theirs
from rtp.kit.money import Money

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
SINCE, UNTIL = NOW - policy.SPAN, NOW - policy.LEEWAY


def ours(state: str = "succeeded", amount: int = 1000, hours: float = 5.0, settled: float | None = 4.0) -> Ours:
    at = None if settled is None else NOW - timedelta(hours=settled)
    return Ours(
        key="k", state=state, amount=Money(amount, "USD"), created_at=NOW - timedelta(hours=hours), settled_at=at
    )


def theirs(state: str = "succeeded", amount: int = 1000, hours: float = 5.0) -> Theirs:
    return Theirs(key="k", state=state, amount=Money(amount, "USD"), created_at=NOW - timedelta(hours=hours))


def found(mine: Ours | None, other: Theirs | None) -> list[str]:
    known = {} if mine is None else {mine.key: mine}
    differences = policy.compare(known, [] if other is None else [other], since=SINCE, until=UNTIL)
    return [one.what for one in differences]


@pytest.mark.parametrize(
    "mine, other, wanted",
    [
        (ours(), theirs(), []),
        (ours("failed"), theirs("failed"), []),
        (ours("failed"), None, []),
        (ours("created", settled=None), None, []),
        (ours(), None, ["the provider does not have it"]),
        (None, theirs(), ["only the provider has it"]),
        (ours("submitted", settled=None), theirs(), ["submitted here, succeeded there"]),
        (ours("failed"), theirs(), ["failed here, succeeded there"]),
        (ours(), theirs("failed"), ["succeeded here, failed there"]),
        (ours(), theirs("pending"), ["succeeded here, pending there"]),
        (ours(amount=999), theirs(), ["9.99 USD here, 10.00 USD there"]),
        (ours("submitted", amount=0, settled=None), theirs("authorized", amount=0), []),
        (ours(), theirs("authorized", amount=0), ["10.00 USD here, 0.00 USD there"]),
    ],
)
def test_a_difference_is_told_in_words(mine: Ours | None, other: Theirs | None, wanted: list[str]) -> None:
    assert found(mine, other) == wanted


@pytest.mark.parametrize(
    "mine, other",
    [
        (None, theirs(hours=0.1)),
        (ours("submitted", hours=0.1, settled=None), theirs(hours=0.1)),
        (ours(settled=0.1), theirs("pending")),
        (ours(hours=48.5, settled=48.2), None),
        (ours(hours=47.9, settled=47.9), None),
    ],
)
def test_what_the_other_side_may_not_have_yet_or_no_longer_shows_is_not_judged(
    mine: Ours | None, other: Theirs | None
) -> None:
    assert found(mine, other) == []
