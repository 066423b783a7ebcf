"""What can go wrong with notices."""

from __future__ import annotations

from rtp.errors import InvalidInput, Refused, RtpError


class WebhookNotAllowed(InvalidInput):
    """The webhook cannot be used: {why}"""

    still = "Nothing was sent."
    final = True


class NoWebhook(Refused):
    """No webhook is known."""

    hint = "rtp slack-notices update --file FILE --on"


class WebhookAway(RtpError):
    """The webhook at {host} did not take the notice: {why}"""

    status = 503
    retryable = True


class WebhookRefused(RtpError):
    """The webhook at {host} refused the notice: {why}"""

    status = 502
    final = True
