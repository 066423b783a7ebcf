"""Rules of disputes: the state machine, what a provider's word is worth, what can be answered. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from rtp.disputes.errors import DisputeAnswered, DisputeOverdue, IllegalDisputeMove
from rtp.disputes.schemas import Dispute, DisputeState
from rtp.kit.clock import to_text

MOVES: dict[tuple[DisputeState, str], DisputeState] = {
    ("needs_response", "review"): "under_review",
    ("needs_response", "win"): "won",
    ("needs_response", "lose"): "lost",
    ("under_review", "win"): "won",
    ("under_review", "lose"): "lost",
}
"""(from, event) → to. Only the provider moves a dispute."""

EVENTS: dict[DisputeState, str] = {"under_review": "review", "won": "win", "lost": "lose"}
OPEN: frozenset[DisputeState] = frozenset({"needs_response", "under_review"})
Verdict = Literal["known", "apply", "doubt"]


def moved(key: str, state: DisputeState, event: str) -> DisputeState:
    """The state after an event.

    Raises: IllegalDisputeMove.
    """
    if (to := MOVES.get((state, event))) is None:
        raise IllegalDisputeMove(key=key, state=state, event=event)
    return to


def judge(ours: DisputeState, theirs: DisputeState) -> Verdict:
    """What it is worth that a provider says `theirs` of a dispute which is `ours` here.

    Events come late and in any order, so nothing goes back; `doubt` is two different ends.
    """
    if (ours, EVENTS.get(theirs, "")) in MOVES:
        return "apply"
    return "known" if ours == theirs or theirs in OPEN else "doubt"


def is_news(ours: DisputeState, theirs: DisputeState) -> bool:
    """Whether what a provider tells of a dispute may be newer than what is known: it is not behind us."""
    return ours == theirs or judge(ours, theirs) == "apply"


def refuse_answer(dispute: Dispute, event: Literal["evidence", "accept"], now: datetime) -> None:
    """What cannot be answered, or not any more.

    Raises: IllegalDisputeMove, DisputeAnswered, DisputeOverdue.
    """
    if dispute.state not in OPEN or (event == "evidence" and dispute.state != "needs_response"):
        raise IllegalDisputeMove(key=dispute.id, state=dispute.state.replace("_", " "), event=event)
    taken = dispute.answer_state == "sent" and (event == "evidence" or dispute.answer == "accept")
    if dispute.answer_state == "queued" or taken:
        raise DisputeAnswered(key=dispute.id, answer=dispute.answer, state=dispute.answer_state)
    if event == "evidence" and dispute.due_by <= now:
        raise DisputeOverdue(key=dispute.id, due_by=to_text(dispute.due_by))


def time_left(dispute: Dispute, now: datetime) -> str:
    """How long a dispute can still be answered; empty when no answer is wanted."""
    if dispute.state != "needs_response":
        return ""
    minutes = int((dispute.due_by - now).total_seconds() // 60)
    if minutes < 0:
        return "over"
    days, hours = minutes // 1440, minutes % 1440 // 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def same_answer(dispute: Dispute) -> str:
    """The command that brings the answer on which gave up on its way."""
    return f"rtp disputes {dispute.answer} {dispute.id}" + (" --submit" if dispute.answer == "evidence" else "")


def next_step(dispute: Dispute, *, stalled: bool = False) -> str:
    """The command that comes next; empty when nobody is waited for."""
    if stalled:
        return same_answer(dispute)
    if dispute.state == "needs_response" and dispute.answer_state in {"none", "refused"}:
        return f"rtp disputes evidence {dispute.id}"
    return ""
