"""What a provider's record and ours must have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from rtp.invariants.schemas import Finding, State
from rtp.kit.money import Money
from rtp.payments.ports import ProviderCharge, ProviderRefund

LEEWAY = timedelta(minutes=10)
"""What is due may take so long; what changed within it is not judged, as the other side may not have it yet."""
SPAN = timedelta(days=2)
"""How far back the provider's record is compared on every look."""
SHOWN = 5
"""Ids that a finding shows."""
LATEST = timedelta(minutes=30)
"""The job looks every five minutes; a result older than this says that it does not."""


WHOLE_EVERY = timedelta(days=1)
"""So often everything in the ledger is looked at, whatever was found before."""
OVERLAP = timedelta(hours=1)
"""A look begins so long before the one before it: an entry may have an id as old as its plan, 15 minutes at most, and
was not to be seen before its transaction ended."""


class Reach(Struct, frozen=True, kw_only=True):
    """How far a look at the ledger reaches back, and when everything was looked at."""

    since: datetime
    whole_at: datetime

    @property
    def words(self) -> str:
        """The same for whoever reads what was found."""
        since, whole_at = (f"{one:%Y-%m-%d %H:%M} UTC" for one in (self.since, self.whole_at))
        return f"transactions and movements since {since}, all of them at {whole_at}"


def reach(state: str, checked_at: datetime, whole_at: datetime | None, now: datetime) -> Reach | None:
    """How far the next look at the ledger needs to reach; None is back to the first entry.

    What was broken is looked at whole until it is mended, or it would heal by growing old. A look of the
    future is none: the clock was set back since.
    """
    if state != "ok" or whole_at is None or not timedelta(0) <= now - whole_at < WHOLE_EVERY:
        return None
    return Reach(since=min(checked_at, now) - OVERLAP, whole_at=whole_at)


class Ours(Struct, frozen=True, kw_only=True):
    """A payment or refund as we have it: `amount` is what was captured or is to go back.

    What was made at the provider and `taken_in` may be much older there than here.
    """

    key: str
    state: str
    amount: Money
    created_at: datetime
    settled_at: datetime | None
    taken_in: bool = False

    def quiet_since(self, instant: datetime) -> bool:
        """Whether nothing has happened to it since an instant."""
        return (self.settled_at or self.created_at) < instant


class Theirs(Struct, frozen=True, kw_only=True):
    """A charge or refund as the provider has it."""

    key: str
    state: str
    amount: Money
    created_at: datetime


class Difference(Struct, frozen=True, kw_only=True):
    """Where the two records part: `what` in a few words."""

    key: str
    what: str


def charges(found: Iterable[ProviderCharge]) -> list[Theirs]:
    """The provider's charges, with what they took."""
    return [Theirs(key=one.key, state=one.state, amount=one.captured, created_at=one.created_at) for one in found]


def refunds(found: Iterable[ProviderRefund]) -> list[Theirs]:
    """The provider's refunds."""
    return [Theirs(key=one.key, state=one.state, amount=one.amount, created_at=one.created_at) for one in found]


def compare(
    ours: Mapping[str, Ours], theirs: Iterable[Theirs], *, since: datetime, until: datetime
) -> list[Difference]:
    """Where the records part, of all that has been quiet since `until`.

    `ours` holds at least everything created since `since`, and everything that a key of theirs names.
    """
    known = {one.key: one for one in theirs}
    found = [
        Difference(key=key, what="only the provider has it")
        for key, one in known.items()
        if key not in ours and one.created_at < until
    ]
    for key, mine in ours.items():
        if not mine.quiet_since(until):
            continue
        if (other := known.get(key)) is None:
            if mine.state == "succeeded" and mine.created_at >= since + LEEWAY and not mine.taken_in:
                found.append(Difference(key=key, what="the provider does not have it"))
        elif (what := _differs(mine, other)) and other.created_at < until:
            found.append(Difference(key=key, what=what))
    return sorted(found, key=lambda one: one.key)


def _differs(mine: Ours, other: Theirs) -> str:
    if (mine.state == "succeeded") != (other.state == "succeeded") and other.state != "authorized":
        return f"{mine.state} here, {other.state} there"
    if mine.state == "succeeded" and mine.amount != other.amount:
        return f"{mine.amount} here, {other.amount} there"
    return ""


def finding(name: str, broken: list[str], *, count: int | None = None, held: str, fix: str) -> Finding:
    """A rule's line: failed with what breaks it, else ok with what was looked at."""
    number = len(broken) if count is None else count
    return Finding(
        name=name,
        state="failed" if number else "ok",
        count=number,
        detail=f"{number} found" if number else held,
        examples=broken[:SHOWN],
        fix=fix if number else "",
    )


def worst(findings: Iterable[Finding]) -> State:
    """The state of all together."""
    states = {one.state for one in findings}
    return "failed" if "failed" in states else "warning" if "warning" in states else "ok"
