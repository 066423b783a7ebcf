"""Rules of received webhooks: their states, when what a provider says is believed, what of it is shown. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from rtp.kit import ids, masking
from rtp.webhooks.schemas import ReceivedState

DUE: frozenset[ReceivedState] = frozenset({"received", "failed"})
"""States in which there is something to do; the others are left by hand or by reconciliation, `processed` never.

`unmatched` is an event about what only the provider has: nothing here will bear its key however often it is tried.
"""
UNMATCHED = "only the provider has it: left to reconciliation (rtp reconcile run)"
PREFIXES = {"payment": "pay", "refund": "rfd"}

RETRY_AFTER = (5.0, 30.0, 300.0, 3600.0, 21_600.0, *(86_400.0,) * 3)
"""Seconds after which a failed event is tried again: soon, as our own write may be on its way, then for four days."""

REDELIVERED = timedelta(days=30)
"""How long a provider may send an event again, so how long we must know it at least.

Stripe repeats by itself for three days and resends by hand what its list of events has, which is 30 days
(docs.stripe.com/webhooks/process-undelivered-events). Standard Webhooks proposes a little over three days.
"""

Verdict = Literal["known", "apply", "doubt"]
_SETTLED = frozenset({"succeeded", "failed"})
_UNDER_WAY = frozenset({"submitted", "unknown", "pending"})
_UNSHOWN_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_CARD_FIELDS = frozenset({"number", "card_number", "pan", "cvc", "cvv", "cvv2", "security_code", "track_data"})
HIDDEN = "****"


def judge(ours: str, theirs: str) -> Verdict:
    """What an event is worth that says `theirs` of an object which is `ours` here.

    Events come late and in any order, so only what is still under way is moved; `doubt` is a contradiction between two
    ends, or an end of what was never sent, and the provider is asked what holds now.
    """
    if ours == theirs:
        return "known"
    if ours in _UNDER_WAY:
        return "apply"
    return "known" if ours in _SETTLED and theirs not in _SETTLED else "doubt"


def comes_back(ours: str, asked: str) -> bool:
    """Whether a refund failed after it had succeeded, by what the provider says of it when it is asked."""
    return (ours, asked) == ("succeeded", "failed")


def is_foreign(noun: str, key: str) -> bool:
    """Whether a key was never one of ours, as of what somebody made at the provider's own page."""
    try:
        ids.parse(PREFIXES[noun], key)
    except ids.WrongId:
        return True
    return False


def retry_after(attempts: int) -> float | None:
    """Seconds until the next attempt after so many failed ones; None when there is none by itself."""
    return RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None


def kept_headers(headers: dict[str, str]) -> dict[str, str]:
    """The headers that are stored: nothing that opens a door."""
    return {name: value for name, value in headers.items() if name.lower() not in _UNSHOWN_HEADERS}


def shown(value: Any) -> Any:
    """A body for people to read: card numbers are hidden wherever they stand, and fields that hold card data whole."""
    if isinstance(value, dict):
        return {name: HIDDEN if name.lower() in _CARD_FIELDS else shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return value if (masked := masking.card_numbers(str(value))) == str(value) else masked
    return masking.card_numbers(value) if isinstance(value, str) else value
