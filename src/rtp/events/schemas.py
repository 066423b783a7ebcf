"""What crosses the API about events, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from rtp.operations import listing


class Event(Struct, kw_only=True):
    """A fact: `version` counts the changes of its aggregate."""

    id: str
    type: str
    aggregate_id: str
    version: int
    timestamp: datetime
    payload: Any
    metadata: Any


LIST = listing("events.list", "/events", Event)
