"""Where two records part, and what is proposed: one function a noun. Pure.

What is still under way is left out before it comes here, so that nothing is found that time alone will mend.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import get_args

from msgspec import Struct

from rtp.disputes.schemas import DisputeState
from rtp.disputes.service import judge as judge_dispute
from rtp.kit import canonical
from rtp.kit.money import Money
from rtp.reconciliation.schemas import Difference, Facts, Fix, Kind, Noun, Outcome, Run

LEEWAY = timedelta(minutes=10)
"""What happened within it is not judged: the other side may not have heard of it yet."""
SLACK = timedelta(hours=1)
"""The job of the same hour a week ago was a week ago, give or take how long each waited."""
LATEST = timedelta(days=2)
"""The job compares daily; a result older than this says that it does not."""
NEAR, FAR = timedelta(days=7), timedelta(days=90)
"""How far back the job looks each night, and once a week: a provider changes what is weeks old, as a refund that its
member's bank sends back, or a dispute."""
CHARGE_OPEN = frozenset({"created", "submitted", "unknown"})
REFUND_OPEN = frozenset({"created", "submitted", "unknown", "pending"})
LEFT: frozenset[Outcome] = frozenset({"open", "refused"})
"""What a run says of a difference that is still there."""
REFUND_ENDED = frozenset({"failed", "canceled", "rejected", "expired"})


class Ours(Struct, frozen=True, kw_only=True):
    """A payment, refund or dispute as we have it; `busy` means that a job or a webhook is about to move it."""

    name: str
    state: str
    amount: Money
    ref: str
    touched_at: datetime
    busy: bool = False
    fee: Money | None = None
    provider_key: str = ""

    @property
    def key(self) -> str:
        """The key under which the provider has it: our id, but for what was made there and taken in."""
        return self.provider_key or self.name

    @property
    def facts(self) -> Facts:
        """What a difference shows of it."""
        return Facts(state=self.state, amount=self.amount, ref=self.ref, fee=self.fee)


class Theirs(Struct, frozen=True, kw_only=True):
    """A charge, refund or dispute as the provider has it; `key` is ours.

    `known` is whether it is about a payment of ours, and for a refund that as much is left of it.
    """

    ref: str
    key: str
    state: str
    amount: Money
    created_at: datetime
    known: bool = False
    fee: Money | None = None
    charge_ref: str = ""

    @property
    def facts(self) -> Facts:
        """What a difference shows of it."""
        return Facts(state=self.state, amount=self.amount, ref=self.ref, fee=self.fee)


def quiet(ours: Ours | None, theirs: Theirs | None, until: datetime) -> bool:
    """Whether a pair may be judged: nothing happened to it since `until`, and nothing is about to."""
    if ours is not None and (ours.busy or ours.touched_at >= until):
        return False
    return theirs is None or theirs.created_at < until


class Rest(Struct, frozen=True, kw_only=True):
    """What a run left open, and how much of that is still to be looked at or mended."""

    run: Run
    count: int


def rest(runs: Sequence[Run]) -> Rest | None:
    """What is left of differences that were found, by the last runs with one provider, newest first.

    A later run tells only of what lies in its span, so one of an hour heals nothing that is a week old.
    """
    since: datetime | None = None
    mended: set[tuple[Noun, str]] = set()
    for run in runs:
        if run.provider != runs[0].provider or (since is not None and since <= run.since):
            continue
        left = [one for one in run.differences if one.outcome in LEFT]
        count = run.left_open - sum((one.noun, one.name) in mended for one in left)
        if count > 0:
            return Rest(run=run, count=count)
        mended |= {(one.noun, one.name) for one in run.differences if one.outcome not in LEFT}
        since = run.since
    return None


def whole(runs: Sequence[Run]) -> Run | None:
    """The last run that compared at least what the job compares each night."""
    return next((run for run in runs if run.created_at - run.since >= NEAR), None)


def reach(now: datetime, runs: Sequence[Run]) -> datetime:
    """From when on the job compares, by the last runs, newest first.

    What a run left open is looked at again until it is mended, however old it is.
    """
    far = [run for run in runs if run.kind == "look" and run.created_at - run.since >= FAR]
    due = not any(now - NEAR + SLACK < run.created_at <= now for run in far)
    since = now - (FAR if due else NEAR)
    left = rest(runs)
    return since if left is None else min(since, left.run.since)


def fits(left: Money | None, amount: Money) -> bool:
    """Whether so much is left of a payment, if there is one."""
    return left is not None and left.currency == amount.currency and amount <= left


def charge(ours: Ours | None, theirs: Theirs | None) -> Difference | None:
    """Where a payment and its charge part."""
    if ours is None or theirs is None:
        return _one_sided("charge", ours, theirs, CHARGE_OPEN)
    if (other := _contents("charge", ours, theirs)) is not None:
        return other
    if ours.state in CHARGE_OPEN:
        settled = theirs.state in {"succeeded", "failed"}
        return _differs("charge", "status", ours, theirs, "settle" if settled else "ask_again")
    return None if ours.state == theirs.state else _differs("charge", "status", ours, theirs, "set_aside")


def refund(ours: Ours | None, theirs: Theirs | None) -> Difference | None:
    """Where our refund and the provider's part.

    Only what the provider has paid is taken in: what is pending would be asked for again, under our key.
    """
    if ours is None and theirs is not None and theirs.known and theirs.state == "succeeded":
        return _differs("refund", "missing_here", None, theirs, "take")
    if ours is None or theirs is None:
        return _one_sided("refund", ours, theirs, REFUND_OPEN)
    if (other := _contents("refund", ours, theirs)) is not None:
        return other
    if ours.state == theirs.state or (ours.state in REFUND_ENDED and theirs.state == "failed"):
        return None
    late = (ours.state, theirs.state) == ("succeeded", "failed")
    settled = ours.state in REFUND_OPEN or late
    return _differs("refund", "status", ours, theirs, "settle" if settled else "set_aside")


def dispute(ours: Ours | None, theirs: Theirs | None) -> Difference | None:
    """Where our dispute and the provider's part."""
    if theirs is None:
        return None if ours is None else _differs("dispute", "missing_there", ours, None, "set_aside")
    if ours is None:
        return _differs("dispute", "missing_here", None, theirs, "take" if theirs.known else "set_aside")
    if (other := _contents("dispute", ours, theirs)) is not None:
        return other
    if ours.state == theirs.state:
        dearer = theirs.fee is not None and ours.fee != theirs.fee
        return _differs("dispute", "fee", ours, theirs, "take") if dearer else None
    news = judge_dispute(_dispute_state(ours.state), _dispute_state(theirs.state)) == "apply"
    return _differs("dispute", "status", ours, theirs, "take" if news else "set_aside")


JUDGES = {"charge": charge, "refund": refund, "dispute": dispute}


def digest(found: Difference) -> str:
    """The same while both sides stay as they are."""
    return canonical.digest([found.noun, found.kind, found.name, _plain(found.ours), _plain(found.theirs), found.fix])


def _one_sided(noun: Noun, ours: Ours | None, theirs: Theirs | None, under_way: frozenset[str]) -> Difference | None:
    if ours is None:
        moved = theirs is not None and theirs.state != "failed"
        return _differs(noun, "missing_here", None, theirs, "set_aside") if moved else None
    if ours.state in under_way:  # a lost request: the same intent again, under the same key
        return _differs(noun, "missing_there", ours, None, "ask_again")
    return _differs(noun, "missing_there", ours, None, "set_aside") if ours.state == "succeeded" else None


def _contents(noun: Noun, ours: Ours, theirs: Theirs) -> Difference | None:
    """Another amount or another object under our key is for a person, whatever the states are."""
    if ours.amount != theirs.amount and not (ours.state == theirs.state == "failed"):
        return _differs(noun, "amount", ours, theirs, "set_aside")
    if ours.ref and ours.ref != theirs.ref:
        return _differs(noun, "reference", ours, theirs, "set_aside")
    return None


def _differs(noun: Noun, kind: Kind, ours: Ours | None, theirs: Theirs | None, fix: Fix) -> Difference:
    name = ours.name if ours is not None else theirs.ref if theirs is not None else ""
    return Difference(
        noun=noun,
        kind=kind,
        name=name,
        key=theirs.key if theirs is not None else name,
        ours=None if ours is None else ours.facts,
        theirs=None if theirs is None else theirs.facts,
        fix=fix,
        safe=fix != "set_aside",
    )


def _dispute_state(state: str) -> DisputeState:
    return next(known for known in get_args(DisputeState) if known == state)


def _plain(facts: Facts | None) -> list[object] | None:
    if facts is None:
        return None
    fee = [] if facts.fee is None else [facts.fee.amount, facts.fee.currency]
    return [facts.state, facts.amount.amount, facts.amount.currency, facts.ref, *fee]
