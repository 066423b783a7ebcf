"""What can go wrong with circuit breakers."""

from __future__ import annotations

from rtp.errors import RtpError


class BreakerNotFound(RtpError):
    """No running process has a breaker {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp breakers list"


class BreakerClosed(RtpError):
    """The breaker {key} is closed in every process, so there is nothing to reset."""

    status = 422
    still = "Calls go through; nothing was changed."
    hint = "rtp breakers show {key}"
