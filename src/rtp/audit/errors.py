"""What can go wrong with the audit."""

from __future__ import annotations

from rtp.errors import RtpError


class AuditEntryNotFound(RtpError):
    """There is no audit entry {key}."""

    status = 404
    hint = "rtp audit list"
