"""What can go wrong with entitlements."""

from __future__ import annotations

from rtp.errors import RtpError


class EntitlementNotFound(RtpError):
    """There is no entitlement {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp entitlements list --user USER"
