"""The rules of disputes, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from rtp.disputes import policy
from rtp.disputes.errors import DisputeAnswered, DisputeOverdue, IllegalDisputeMove
from rtp.disputes.schemas import Dispute, DisputeState
from rtp.kit.money import Money

NOW = datetime(2026, 3, 2, tzinfo=UTC)
STATES: tuple[DisputeState, ...] = get_args(DisputeState)


def usd(amount: int) -> Money:
    return Money(amount, "USD")


def made(**values: Any) -> Dispute:
    known: dict[str, Any] = {
        "id": "dsp_1", "user_id": "usr_1", "payment_id": "pay_1", "provider": "sandbox", "provider_ref": "dp_1",
        "amount": usd(1000), "tax": usd(0), "fee": usd(0), "reason": "fraudulent", "state": "needs_response",
        "due_by": NOW + timedelta(days=7), "opened_at": NOW, "closed_at": None, "answer": "none",
        "answer_state": "none", "answer_error": "", "answered_by": "", "answered_at": None, "version": 1,
        "created_at": NOW,
    }  # fmt: skip
    return Dispute(**known | values)


def test_a_dispute_only_moves_towards_its_end_and_an_end_is_left_by_nothing() -> None:
    rank = {"needs_response": 0, "under_review": 1, "won": 2, "lost": 2}
    assert all(rank[to] > rank[state] for (state, _), to in policy.MOVES.items())
    with pytest.raises(IllegalDisputeMove):
        policy.moved("dsp_1", "lost", "win")


@pytest.mark.parametrize("ours", STATES)
@pytest.mark.parametrize("theirs", STATES)
def test_a_providers_word_is_known_news_or_two_different_ends(ours: DisputeState, theirs: DisputeState) -> None:
    order = ["needs_response", "under_review"]
    ends = {"won", "lost"}
    if ours in ends:
        wanted = "doubt" if theirs in ends - {ours} else "known"
    elif theirs in ends:
        wanted = "apply"
    else:
        wanted = "apply" if order.index(theirs) > order.index(ours) else "known"
    assert policy.judge(ours, theirs) == wanted


@pytest.mark.parametrize(
    "state, answer, answer_state, event, refused",
    [
        ("needs_response", "none", "none", "evidence", None),
        ("needs_response", "none", "none", "accept", None),
        ("needs_response", "evidence", "refused", "evidence", None),
        ("needs_response", "evidence", "queued", "evidence", DisputeAnswered),
        ("needs_response", "evidence", "queued", "accept", DisputeAnswered),
        ("under_review", "evidence", "sent", "accept", None),
        ("under_review", "evidence", "sent", "evidence", IllegalDisputeMove),
        ("under_review", "accept", "sent", "accept", DisputeAnswered),
        ("lost", "none", "none", "accept", IllegalDisputeMove),
        ("won", "evidence", "sent", "evidence", IllegalDisputeMove),
    ],
)
def test_an_answer_is_refused_where_it_can_have_no_effect(
    state: str, answer: str, answer_state: str, event: Any, refused: type[Exception] | None
) -> None:
    dispute = made(state=state, answer=answer, answer_state=answer_state)
    if refused is None:
        policy.refuse_answer(dispute, event, NOW)
    else:
        with pytest.raises(refused):
            policy.refuse_answer(dispute, event, NOW)


def test_evidence_comes_until_its_deadline_and_giving_in_is_possible_after_it() -> None:
    with pytest.raises(DisputeOverdue):
        policy.refuse_answer(made(), "evidence", NOW + timedelta(days=7))
    policy.refuse_answer(made(), "accept", NOW + timedelta(days=8))


@pytest.mark.parametrize(
    "after, state, left",
    [
        (timedelta(), "needs_response", "7 d 0 h"),
        (timedelta(days=6, hours=23, minutes=30), "needs_response", "0 h 30 min"),
        (timedelta(days=7, seconds=1), "needs_response", "over"),
        (timedelta(), "under_review", ""),
    ],
)
def test_the_time_left_is_told_in_days_and_hours(after: timedelta, state: str, left: str) -> None:
    assert policy.time_left(made(state=state), NOW + after) == left
