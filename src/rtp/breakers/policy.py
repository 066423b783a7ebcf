"""Rules of breakers as they are shown: many as one, and calls by outcome. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rtp.breakers.schemas import Breaker, BreakerState, Circuit

_WORST: tuple[Circuit, ...] = ("open", "half_open", "closed")


def together(key: str, breakers: Sequence[Breaker]) -> BreakerState:
    """Several breakers as one: open where one is, else half-open where one is."""
    return BreakerState(
        id=key,
        circuit=min((one.circuit for one in breakers), key=_WORST.index),
        processes=len(breakers),
        reset="asked" if any(one.reset == "asked" for one in breakers) else "none",
    )


def queue_of(name: str) -> str:
    """The queue of the jobs that call the peer: a breaker bears its name before the colon."""
    return name.partition(":")[0]


def outcomes(happened: Mapping[str, int], *, capacity_counts: bool) -> dict[str, int]:
    """Calls by outcome, each counted once, from what happened; there, timeouts are failures too."""
    over = happened.get("over_capacity", 0)
    return {
        "success": happened.get("success", 0),
        "failure": happened.get("failure", 0) - happened.get("timeout", 0) - (over if capacity_counts else 0),
        "timeout": happened.get("timeout", 0),
        "rejected": happened.get("reject", 0),
        "over_capacity": over,
    }
