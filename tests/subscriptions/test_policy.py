"""The state machine of subscriptions, walked; what falls due; when a failed charge is tried again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp.subscriptions import policy
from rtp.subscriptions.errors import SubscriptionStateRefused
from rtp.subscriptions.policy import Due, Event, Step
from rtp.subscriptions.schemas import Status

STATES: tuple[Status, ...] = get_args(Status)
EVENTS: tuple[Event, ...] = get_args(Event)
NOW = datetime(2025, 1, 31, 10, tzinfo=UTC)
FINAL = set(STATES) - policy.LIVE
ACT: dict[Step, Event] = {"end_trial": "end_trial", "cancel": "cancel", "expire": "expire", "end_grace": "end_grace",
                          "decline": "payment_failed"}  # fmt: skip


@given(st.lists(st.sampled_from(EVENTS), max_size=30))
def test_no_walk_leaves_a_final_state_or_the_table(events: list[Event]) -> None:
    for start in STATES:
        status, ended = start, start in FINAL
        for event in events:
            try:
                following = policy.moved("sub_1", status, event)
            except SubscriptionStateRefused:
                continue
            assert not ended
            assert (status, event) in policy.MOVES
            status = following
            ended = status in FINAL


@pytest.mark.parametrize("final", sorted(FINAL))
def test_nothing_moves_what_has_ended(final: Status) -> None:
    for event in EVENTS:
        with pytest.raises(SubscriptionStateRefused) as refusal:
            policy.moved("sub_1", final, event)
        assert refusal.value.exit_code == 7


def test_every_live_state_can_be_ended_and_every_state_is_reached() -> None:
    for status in policy.LIVE:
        assert policy.moved("sub_1", status, "cancel") == "canceled"
    reached = set(policy.MOVES.values()) | {"incomplete", "trialing"}
    assert reached == set(STATES)


def test_access_lost_for_want_of_payment_only_comes_back_by_a_payment() -> None:
    ways = {event for (status, event), to in policy.MOVES.items() if status == "unpaid" and to in policy.LIVE}
    assert ways == {"paid"}


def test_the_documented_table_of_moves_is_the_one_in_force() -> None:
    page = (Path(__file__).parents[2] / "docs" / "concepts" / "subscriptions.md").read_text()
    section = page.split("## States")[1].split("## Periods")[0]
    rows = re.findall(r"^\| (\w+) \| ([\w ]+) \| (\w+) \|$", section, re.MULTILINE)[1:]
    documented = {(start, event.replace(" ", "_")): to for start, event, to in rows}
    assert documented == policy.MOVES


due = st.builds(
    Due,
    status=st.sampled_from(STATES),
    charging=st.booleans(),
    ending=st.booleans(),
    with_card=st.booleans(),
    grace_over=st.booleans(),
    failures=st.integers(0, 8),
    failure=st.sampled_from(("", "card_declined", "stolen_card")),
)


@given(due)
def test_what_falls_due_is_always_a_legal_move(asked: Due) -> None:
    step = policy.step(asked)
    if step in ACT:
        assert (asked.status, ACT[step]) in policy.MOVES
    if step == "charge":
        assert asked.with_card
        assert asked.status in policy.CHARGEABLE


@given(due)
def test_nothing_is_charged_while_a_payment_is_under_way_or_after_a_cancellation(asked: Due) -> None:
    step = policy.step(asked)
    if asked.charging:
        assert step == "wait"
    if asked.ending and asked.status in {"active", "trialing"}:
        assert step in {"cancel", "wait"}


def test_a_failed_renewal_is_tried_again_on_the_published_days_and_then_given_up() -> None:
    tries = [policy.act_after_failure(NOW, failures, "card_declined") for failures in range(1, 5)]
    assert [f"{instant:%m-%d %H}" for instant in tries] == ["02-02 10", "02-07 10", "02-14 10", "02-21 10"]
    assert not policy.tries_again(5, "card_declined")
    assert policy.act_after_failure(NOW, 5, "card_declined") <= tries[-1]


def test_a_stolen_card_is_never_tried_again_and_access_ends_with_the_grace() -> None:
    assert policy.act_after_failure(NOW, 1, "stolen_card") == NOW + policy.GRACE
    found = policy.step(Due(status="past_due", failures=1, failure="stolen_card", grace_over=True))
    assert found == "end_grace"
