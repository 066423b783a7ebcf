"""When an event is believed: the whole table of what is known here against what a provider says."""

from __future__ import annotations

import pytest

from rtp.webhooks import received_policy as policy

UNDER_WAY = ("submitted", "unknown", "pending")
TABLE = (
    [(ours, theirs, "apply") for ours in UNDER_WAY for theirs in ("succeeded", "failed")]
    + [("submitted", "pending", "apply"), ("unknown", "pending", "apply")]
    + [(state, state, "known") for state in ("pending", "succeeded", "failed")]
    + [("succeeded", "pending", "known"), ("failed", "pending", "known"), ("succeeded", "authorized", "known")]
    + [("succeeded", "failed", "doubt"), ("failed", "succeeded", "doubt")]
    + [(ours, theirs, "doubt") for ours in ("created", "canceled") for theirs in ("pending", "succeeded", "failed")]
)


@pytest.mark.parametrize("ours, theirs, verdict", TABLE)
def test_an_event_moves_only_what_is_under_way_and_never_what_is_settled(ours: str, theirs: str, verdict: str) -> None:
    assert policy.judge(ours, theirs) == verdict


def test_the_waits_grow_and_come_to_an_end() -> None:
    waits = [policy.retry_after(attempts) for attempts in range(1, 10)]
    assert waits == [*policy.RETRY_AFTER, None]
    assert list(policy.RETRY_AFTER) == sorted(policy.RETRY_AFTER)


@pytest.mark.parametrize(
    "value, seen",
    [
        ("4242424242424242", "****4242"),
        ("4242 4242 4242 4242", "****4242"),
        ("4242-4242-4242-4242 and 378282246310005", "****4242 and ****0005"),
        (4242424242424242, "****4242"),
        ("4242424242424241", "4242424242424241"),
        (1772461800, 1772461800),
        ({"CVC": "123", "last4": "4242"}, {"CVC": "****", "last4": "4242"}),
        ([True, None, 1.5], [True, None, 1.5]),
    ],
)
def test_a_card_number_is_hidden_wherever_it_stands_and_nothing_else(value: object, seen: object) -> None:
    assert policy.shown(value) == seen
