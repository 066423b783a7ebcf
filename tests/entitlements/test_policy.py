"""Which subscription opens a product, and when it stops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from rtp.entitlements.policy import access, still_open
from rtp.subscriptions.schemas import Status

STATES: tuple[Status, ...] = get_args(Status)
NOW = datetime(2025, 1, 31, 10, tzinfo=UTC)


@given(st.sampled_from(STATES), st.integers(-40, 40), st.booleans())
def test_access_is_given_exactly_by_paid_trial_and_grace(status: Status, hours: int, ending: bool) -> None:
    end = NOW + timedelta(hours=hours)
    found = access(status, ending_at=end if ending else None, grace_until=end, now=NOW)
    expected = {
        "trialing": not ending or hours > 0,
        "active": not ending or hours > 0,
        "past_due": hours > 0,
    }.get(status, False)
    assert found.open is expected
    assert not (found.open and found.until is not None and found.until <= NOW)


def test_the_end_of_access_is_exclusive() -> None:
    found = access("active", ending_at=NOW + timedelta(hours=1), grace_until=None, now=NOW)
    assert found.until is not None
    assert still_open(found.open, found.until, found.until - timedelta(microseconds=1))
    assert not still_open(found.open, found.until, found.until)
