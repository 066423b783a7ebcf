"""Rules of the cache: how long classes live, and which tags an event drops. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from rtp.cache.schemas import CacheClass
from rtp.events.schemas import Event

SECONDS: dict[CacheClass, int] = {"hot": 60, "warm": 300, "cold": 3600}
"""How long an entry of each class lives."""
JITTER = 0.10
MAX_BYTES = 512_000
"""Larger values are not kept: fetching them would cost as much as reading them."""

DROPS: dict[str, tuple[str, ...]] = {
    "product": ("products",),
    "price": ("prices",),
    "user": ("entitlements:{user_id}",),
    "subscription": ("entitlements:{user_id}",),
    "entitlement": ("entitlements:{user_id}",),
}
"""Tags that an event drops, by the noun of its type; `{user_id}` is the member it is about."""
TAGS = frozenset(tag for tags in DROPS.values() for tag in tags if "{" not in tag)
"""Tags that always exist, whether or not something bears them now."""


def lifetime(class_: CacheClass, random: Random) -> float:
    """Seconds that a new entry lives, ±10 %, so that entries made together do not end together."""
    return SECONDS[class_] * random.uniform(1 - JITTER, 1 + JITTER)


def wants(event_type: str) -> bool:
    """Whether an event of this type drops anything."""
    return event_type.partition(".")[0] in DROPS


def dropped(events: Iterable[Event]) -> list[str]:
    """The tags that these events drop, each once."""
    found: dict[str, None] = {}
    for event in events:
        for tag in DROPS.get(event.type.partition(".")[0], ()):
            found[tag.replace("{user_id}", str(event.metadata.get("user_id")))] = None
    return list(found)
