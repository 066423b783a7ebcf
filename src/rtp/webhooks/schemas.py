"""What crosses the API about webhooks, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

# Received: events that providers sent.

ReceivedState = Literal["received", "processed", "failed", "ignored"]


class Received(Struct, kw_only=True):
    """An event that a provider sent: `about` is our own id of its object, `outcome` is what it came to.

    `failed` is tried again at `next_attempt_at`, and no more by itself without one; `ignored` changes nothing here.
    """

    id: str
    provider: str
    event_id: str
    type: str
    about: str
    state: ReceivedState
    attempts: int
    outcome: str
    error_code: str
    error: str
    version: int
    occurred_at: datetime
    received_at: datetime
    next_attempt_at: datetime | None
    processed_at: datetime | None


class ReceivedDetail(Received, kw_only=True):
    """A received event with what came over the wire; whatever looks like card data is masked."""

    headers: dict[str, str]
    body: Any


class Taken(Struct, kw_only=True):
    """The answer to a provider: the event is kept, now or by an earlier delivery."""

    id: str
    duplicate: bool


# Sent: endpoints of others, and what was delivered to them.
