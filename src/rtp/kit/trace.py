"""Where a request comes from: its id, and the W3C trace it belongs to."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

import msgspec

_TRACEPARENT = re.compile(r"^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:-]{1,64}$")


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of one request: `trace_id` 32 and `span_id` 16 hex characters (W3C Trace Context), `sampled` its flag."""

    request_id: str
    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """The header to pass on to the next service."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


current: ContextVar[Trace | None] = ContextVar("rtp_trace", default=None)
"""The trace that the running task works for: set where work begins, read where a request leaves the process."""


def start(traceparent: str = "", request_id: str = "") -> Trace:
    """A span of our own in the caller's trace, or in a new one when the header is missing or malformed."""
    match = _TRACEPARENT.match(traceparent)
    known = match is not None and match[1] != "0" * 32 and match[2] != "0" * 16
    return Trace(
        request_id=request_id if _REQUEST_ID.match(request_id) else secrets.token_hex(12),
        trace_id=match[1] if match is not None and known else secrets.token_hex(16),
        span_id=secrets.token_hex(8),
        sampled=bool(int(match[3], 16) & 1) if match is not None and known else True,
    )
