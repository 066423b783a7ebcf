"""What crosses the API about reconciliation, and the operations on it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.money import Money
from rtp.operations import listing, read, write

Noun = Literal["charge", "refund", "dispute"]
Kind = Literal["missing_here", "missing_there", "status", "amount", "reference", "fee"]
Fix = Literal["settle", "ask_again", "take", "set_aside"]
Outcome = Literal["open", "mended", "set_aside", "gone", "refused"]
SHOWN = 500
"""Differences that one run names; the rest are counted, and found by the next."""
Span = Annotated[str, Meta(min_length=2, max_length=40)]
AsideState = Literal["open", "closed"]
ProviderName = Annotated[str, Meta(max_length=40)]


class Facts(Struct, frozen=True, kw_only=True):
    """What one side says: of a charge `amount` is what it took, once it took anything; `fee` is told of disputes."""

    state: str
    amount: Money
    ref: str
    fee: Money | None = None


class Difference(Struct, frozen=True, kw_only=True):
    """Where the records part: `name` is our id, or the provider's reference where there is none here.

    `fix` is what is proposed: `settle` ours by what the provider says, `ask_again` under its own key, `take` a dispute
    in; only what is not `safe` is set aside for a person.
    """

    noun: Noun
    kind: Kind
    name: str
    key: str
    ours: Facts | None
    theirs: Facts | None
    fix: Fix
    safe: bool
    outcome: Outcome = "open"
    note: str = ""


class Look(Struct, kw_only=True):
    """What a comparison found: `differs` with its differences; how much was compared, and how many were left out.

    `set_aside` counts those that a person was given before and that are still as they were. `unread` names what the
    provider has and cannot be written here, as in a currency that is none of ours: it was not compared.
    """

    state: Literal["equal", "differs"]
    provider: str
    since: datetime
    until: datetime
    charges: int
    refunds: int
    disputes: int
    found: int
    left_out: int
    set_aside: int
    differences: list[Difference]
    unread: list[str] = []


class RunLine(Struct, kw_only=True):
    """A run: a `look` changes nothing, a `mend` carried a plan out; `left_open` differences are still there."""

    id: str
    kind: Literal["look", "mend"]
    state: Literal["equal", "differs"]
    provider: str
    since: datetime
    until: datetime
    charges: int
    refunds: int
    disputes: int
    found: int
    left_open: int
    set_aside: int
    started_by: str
    created_at: datetime


class Run(RunLine, kw_only=True):
    """A run with its differences, and what became of each."""

    differences: list[Difference]


class RunReconcile(Struct, kw_only=True, forbid_unknown_fields=True):
    """How far back, and with whom: the instance's own provider where none is named."""

    since: Span = "7d"
    provider: ProviderName = ""


class Aside(Struct, kw_only=True):
    """A difference that a person has to see to, as it was then; `reason` is how it was closed, empty while open."""

    id: str
    state: AsideState
    provider: str
    noun: Noun
    kind: Kind
    name: str
    key: str
    ours: Facts | None
    theirs: Facts | None
    set_aside_by: str
    created_at: datetime
    closed_at: datetime | None
    closed_by: str
    reason: str
    version: int


class CloseAside(Struct, kw_only=True, forbid_unknown_fields=True):
    """Why nothing more is to be done about it."""

    reason: Annotated[str, Meta(min_length=3, max_length=500)]


CHECK = read("reconcile.check", "/reconcile", Look)
RUN = write("reconcile.run", "POST", "/reconcile/runs", Run, body=RunReconcile)
LIST = listing("reconcile.list", "/reconcile/runs", RunLine)
SHOW = read("reconcile.show", "/reconcile/runs/{run}", Run)
ASIDE_LIST = listing("reconcile_aside.list", "/reconcile/aside", Aside)
ASIDE_SHOW = read("reconcile_aside.show", "/reconcile/aside/{aside}", Aside)
ASIDE_CLOSE = write("reconcile_aside.close", "POST", "/reconcile/aside/{aside}/close", Aside, body=CloseAside)
