"""What can go wrong with webhooks, received ones and our own."""

from __future__ import annotations

from rtp.errors import RtpError

# Received: what providers send to us.


class WebhookProviderNotKnown(RtpError):
    """No provider {provider} sends webhooks here; known are {known}."""

    status = 404
    still = "Nothing of the message was kept."


class WebhookSecretMissing(RtpError):
    """There is no secret to check the webhooks of {provider} with."""

    status = 503
    retryable = True
    still = "Nothing of the message was kept; the provider sends it again."
    hint = "set RTP_PROVIDER_WEBHOOK_SECRET to the secret that the provider shows"


class ReceivedWebhookNotFound(RtpError):
    """There is no received webhook {key}."""

    status = 404
    hint = "rtp webhooks received list"


class ReceivedWebhookProcessed(RtpError):
    """The webhook {key} was processed: {outcome}."""

    status = 409
    still = "Its effect stands; nothing was done again."
    hint = "rtp webhooks received show {key}"


class WebhookObjectNotKnown(RtpError):
    """{provider} tells of a {noun} {ref} under the key {key}, and there is no such {noun} here."""

    status = 422
    still = "Nothing was changed."


class WebhookContradicts(RtpError):
    """{provider} says of {key}: {theirs}; here it is: {ours}."""

    status = 422
    still = "Nothing was changed; no webhook overrules what was settled."
