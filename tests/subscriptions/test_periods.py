"""Period ends against published vectors, and their properties."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.subscriptions import periods
from rtp.subscriptions.periods import Unit

ZONES = ("UTC", "America/New_York", "Europe/London", "Asia/Tokyo", "Pacific/Honolulu", "Pacific/Apia", "Asia/Kathmandu",
         "Australia/Lord_Howe", "Pacific/Chatham")  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ends(anchor: str, unit: Unit, numbers: range, zone: str = "UTC", count: int = 1) -> list[date]:
    return [periods.boundary(utc(anchor), zone, unit, count, number).date() for number in numbers]


def test_a_monthly_anchor_on_the_31st_is_clamped_in_short_months_and_comes_back() -> None:
    shown = [f"{day:%d %b}" for day in ends("2024-01-31", "month", range(6))]
    assert shown == ["31 Jan", "29 Feb", "31 Mar", "30 Apr", "31 May", "30 Jun"]


def test_a_monthly_anchor_on_the_30th_comes_back_after_february() -> None:
    assert ends("2025-01-30", "month", range(1, 3)) == [date(2025, 2, 28), date(2025, 3, 30)]


def test_a_yearly_anchor_on_a_leap_day_waits_for_the_next_one() -> None:
    shown = ends("2020-02-29", "year", range(1, 5))
    assert shown == [date(2021, 2, 28), date(2022, 2, 28), date(2023, 2, 28), date(2024, 2, 29)]


@pytest.mark.parametrize(
    "anchor, last_days",
    [
        ("2024-01-31", [date(2024, 2, 28), date(2024, 3, 30), date(2024, 4, 29)]),
        ("2024-01-30", [date(2024, 2, 28), date(2024, 3, 29), date(2024, 4, 29), date(2024, 5, 29)]),
    ],
)
def test_the_last_day_of_each_period_is_the_day_before_the_next_boundary(anchor: str, last_days: list[date]) -> None:
    found = ends(anchor, "month", range(1, len(last_days) + 1))
    assert [day - timedelta(days=1) for day in found] == last_days


@pytest.mark.parametrize(
    "zone, day",
    [("Pacific/Honolulu", 16), ("Europe/Paris", 16), ("UTC", 16), ("Etc/GMT-3", 17), ("Asia/Tokyo", 17)],
)
def test_the_anchor_day_is_the_members_own_date(zone: str, day: int) -> None:
    assert periods.anchor_day(utc("2012-07-16T21:17:03"), zone) == day


@pytest.mark.parametrize(
    "anchor, unit, count, after, expected",
    [
        ("2022-01-31", "month", 1, "2022-02-01", date(2022, 2, 28)),
        ("2022-01-17", "month", 1, "2022-07-19", date(2022, 8, 17)),
        ("2022-02-02", "week", 1, "2022-02-19", date(2022, 2, 23)),
        ("2022-02-02", "week", 2, "2022-02-25", date(2022, 3, 2)),
    ],
)
def test_the_next_boundary_after_an_instant_is_found(
    anchor: str, unit: Unit, count: int, after: str, expected: date
) -> None:
    number = periods.number_after(utc(anchor), "UTC", unit, count, utc(after))
    assert periods.boundary(utc(anchor), "UTC", unit, count, number).date() == expected


def test_a_local_time_that_the_clock_change_skips_moves_forward() -> None:
    anchor = datetime(2025, 2, 9, 2, 30, tzinfo=ZoneInfo("America/New_York"))
    found = periods.boundary(anchor, "America/New_York", "month", 1, 1).astimezone(ZoneInfo("America/New_York"))
    assert found.isoformat() == "2025-03-09T03:30:00-04:00"


def test_a_local_time_that_occurs_twice_is_the_first() -> None:
    anchor = datetime(2025, 10, 2, 1, 30, tzinfo=ZoneInfo("America/New_York"))
    found = periods.boundary(anchor, "America/New_York", "month", 1, 1)
    assert found == utc("2025-11-02T05:30:00")


def test_an_anchor_in_the_second_of_two_equal_hours_keeps_later_hours_single() -> None:
    anchor = datetime(2025, 11, 2, 1, 30, tzinfo=ZoneInfo("America/New_York"), fold=1)
    assert periods.boundary(anchor, "America/New_York", "month", 1, 0) == utc("2025-11-02T06:30:00")
    assert periods.boundary(anchor, "America/New_York", "month", 1, 1) == utc("2025-12-02T06:30:00")


def test_the_local_time_of_day_outlives_clock_changes() -> None:
    anchor = datetime(2025, 1, 15, 9, 0, tzinfo=ZoneInfo("Europe/London"))
    hours = {
        periods.boundary(anchor, "Europe/London", "month", 1, number).astimezone(ZoneInfo("Europe/London")).hour
        for number in range(24)
    }
    assert hours == {9}


def test_a_date_that_a_zone_left_out_moves_to_the_next_day() -> None:
    anchor = datetime(2011, 11, 30, 10, 0, tzinfo=ZoneInfo("Pacific/Apia"))
    found = periods.boundary(anchor, "Pacific/Apia", "month", 1, 1).astimezone(ZoneInfo("Pacific/Apia"))
    assert (found.date(), found.hour) == (date(2011, 12, 31), 10)


instants = st.integers(0, 60 * 366 * 86_400).map(lambda seconds: utc("2000-01-01") + timedelta(seconds=seconds))
units = st.sampled_from(("week", "month", "quarter", "year"))


@given(instants, st.sampled_from(ZONES), units, st.integers(1, 3), st.integers(0, 60))
def test_boundaries_rise_and_keep_the_anchors_day(
    anchor: datetime, zone: str, unit: Unit, count: int, number: int
) -> None:
    this = periods.boundary(anchor, zone, unit, count, number)
    following = periods.boundary(anchor, zone, unit, count, number + 1)
    assert this < following
    if unit != "week":
        local, wanted = following.astimezone(ZoneInfo(zone)), periods.anchor_day(anchor, zone)
        clamped = min(wanted, monthrange(local.year, local.month)[1])
        skipped = local.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
        assert clamped in {local.day, skipped.day}


@given(instants, st.sampled_from(ZONES), units, st.integers(1, 3), st.integers(0, 4000))
def test_every_instant_lies_in_exactly_one_period(
    anchor: datetime, zone: str, unit: Unit, count: int, days: int
) -> None:
    instant = anchor + timedelta(days=days, seconds=days * 37)
    number = periods.number_after(anchor, zone, unit, count, instant)
    assert periods.boundary(anchor, zone, unit, count, number - 1) <= instant
    assert instant < periods.boundary(anchor, zone, unit, count, number)
    assert number >= 1


def test_a_boundary_itself_belongs_to_the_period_that_it_begins() -> None:
    anchor = utc("2024-01-31")
    second = periods.boundary(anchor, "UTC", "month", 1, 1)
    assert periods.number_after(anchor, "UTC", "month", 1, second) == 2
    assert periods.number_after(anchor, "UTC", "month", 1, second - timedelta(microseconds=1)) == 1
