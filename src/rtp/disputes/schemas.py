"""What crosses the API about disputes, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.money import Money
from rtp.operations import Operation, listing, read, write

DisputeState = Literal["needs_response", "under_review", "won", "lost"]
Answer = Literal["none", "evidence", "accept"]
AnswerState = Literal["none", "queued", "sent", "refused"]
EVIDENCE_LIMIT = 20_000
"""Characters of all parts of an evidence pack together."""
PartName = Annotated[str, Meta(min_length=1, max_length=40, pattern="^[a-z][a-z0-9_]*$")]
PartText = Annotated[str, Meta(min_length=1, max_length=EVIDENCE_LIMIT)]


class Dispute(Struct, kw_only=True):
    """A cardholder's objection to a payment: without an answer until `due_by` it is lost.

    `answer` is what we told the provider, `answer_state` how far that has come; `tax` is what we no longer owe of the
    payment's tax because it was lost, `fee` what the provider keeps for it, however it ends.
    """

    id: str
    user_id: str
    payment_id: str
    provider: str
    provider_ref: str
    amount: Money
    tax: Money
    fee: Money
    reason: str
    state: DisputeState
    due_by: datetime
    opened_at: datetime
    closed_at: datetime | None
    answer: Answer
    answer_state: AnswerState
    answer_error: str
    answered_by: str
    answered_at: datetime | None
    version: int
    created_at: datetime


class DisputeLine(Dispute, kw_only=True):
    """A dispute with the time that is left to answer it: `6 d 23 h`, `over`, or empty when no answer is wanted."""

    left: str


class DisputeDetail(DisputeLine, kw_only=True):
    """A dispute with its payment as it is now, what was handed in, and the command that comes next."""

    email: str
    purpose: str
    captured: Money
    refunded: Money
    refundable: Money
    evidence: dict[str, str]
    next: str


class EvidencePack(Struct, kw_only=True):
    """What speaks for us, part by part, as it would be handed in; `length` counts characters of `limit`."""

    dispute_id: str
    parts: dict[str, str]
    length: int
    limit: int


class SubmitEvidence(Struct, kw_only=True, forbid_unknown_fields=True):
    """Parts of our own; one of the same name takes the place of a part of the pack."""

    parts: Annotated[dict[PartName, PartText], Meta(max_length=20)] = {}


class DueDispute(Struct, kw_only=True):
    """A dispute that waits for an answer."""

    id: str
    amount: Money
    due_by: datetime
    left: str


LIST = listing("disputes.list", "/disputes", DisputeLine)
SHOW = read("disputes.show", "/disputes/{dispute}", DisputeDetail)
EVIDENCE = read("disputes.evidence", "/disputes/{dispute}/evidence", EvidencePack)
SUBMIT = write("disputes.submit", "POST", "/disputes/{dispute}/evidence", Dispute, body=SubmitEvidence)
ACCEPT: Operation[None, Dispute] = write("disputes.accept", "POST", "/disputes/{dispute}/accept", Dispute, money=True)
