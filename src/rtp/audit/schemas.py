"""What crosses the API about the audit, and the operations on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from rtp.operations import listing, read


class AuditEntry(Struct, kw_only=True):
    """One write: `changes` holds each thing before and after; `user_id` is the member it was for."""

    id: str
    at: datetime
    actor: str
    actor_name: str
    role: str
    operation: str
    target: str
    user_id: str | None
    reason: str
    request_id: str
    trace_id: str
    plan_id: str | None
    changes: Any


LIST = listing("audit.list", "/audit", AuditEntry)
SHOW = read("audit.show", "/audit/{entry}", AuditEntry)
