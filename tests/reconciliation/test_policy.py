"""When a pair of records may be judged at all, and what is never settled by itself. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from rtp.kit.money import Money
from rtp.reconciliation.policy import JUDGES, Ours, Theirs, dispute, quiet
from rtp.reconciliation.schemas import Noun

UNTIL = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
BEFORE = UNTIL - timedelta(seconds=1)


def ours(touched_at: datetime, *, busy: bool = False) -> Ours:
    return Ours(name="pay_1", state="succeeded", amount=Money(1, "USD"), ref="ch", touched_at=touched_at, busy=busy)


def theirs(created_at: datetime) -> Theirs:
    return Theirs(ref="ch", key="pay_1", state="succeeded", amount=Money(1, "USD"), created_at=created_at)


@pytest.mark.parametrize(
    "mine, other, judged",
    [
        (ours(BEFORE), theirs(BEFORE), True),
        (ours(UNTIL), theirs(BEFORE), False),
        (ours(BEFORE), theirs(UNTIL), False),
        (ours(BEFORE, busy=True), theirs(BEFORE), False),
        (None, theirs(BEFORE), True),
        (None, theirs(UNTIL), False),
        (ours(BEFORE), None, True),
        (ours(UNTIL), None, False),
    ],
)
def test_a_pair_is_judged_when_neither_side_moved_since_the_instant(
    mine: Ours | None, other: Theirs | None, judged: bool
) -> None:
    assert quiet(mine, other, UNTIL) is judged


@pytest.mark.parametrize("known, fix", [(True, "take"), (False, "set_aside")])
def test_a_dispute_is_taken_in_only_where_its_payment_is_ours(known: bool, fix: str) -> None:
    found = dispute(
        None, Theirs(ref="dp", key="pay_1", state="lost", amount=Money(1, "USD"), created_at=BEFORE, known=known)
    )
    assert found is not None
    assert found.fix == fix


@pytest.mark.parametrize("noun, open", [("charge", "submitted"), ("refund", "unknown"), ("dispute", "needs_response")])
@pytest.mark.parametrize("state", ["the same", "open here"])
def test_another_object_under_our_key_is_for_a_person_whatever_its_state_is(noun: Noun, open: str, state: str) -> None:
    """As `open` ours would else be settled with what was never ours."""
    ended = "lost" if noun == "dispute" else "succeeded"
    mine = structs.replace(ours(BEFORE), state=open if state == "open here" else ended, fee=Money(0, "USD"))
    other = structs.replace(theirs(BEFORE), state=ended, known=True)
    found = JUDGES[noun](mine, structs.replace(other, ref="another"))
    assert found is not None
    assert (found.kind, found.fix, found.safe) == ("reference", "set_aside", False)
    same = JUDGES[noun](mine, other)
    assert (same and same.fix) == (None if state == "the same" else "take" if noun == "dispute" else "settle")
