"""What can go wrong with webhooks, received ones and our own."""

from __future__ import annotations

from rtp.errors import RtpError

# Received: what providers send to us.


class WebhookProviderNotKnown(RtpError):
    """No provider {provider} sends webhooks here; known are {known}."""

    status = 404
    still = "Nothing of the message was kept."


class WebhookSecretMissing(RtpError):
    """The webhooks of {provider} cannot be checked without a secret: {why}."""

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


# Sent: endpoints of others, and what goes to them.


class WebhookEndpointNotFound(RtpError):
    """There is no webhook endpoint {key}."""

    status = 404
    still = "Nothing was changed."
    hint = "rtp webhooks endpoints list"


class WebhookUrlRefused(RtpError):
    """No webhook goes to that URL: {why}."""

    status = 400
    still = "Nothing was changed."


class WebhookEventsUnknown(RtpError):
    """No event that is sent is called {unknown}; {known}."""

    status = 400
    still = "Nothing was changed."
    hint = "rtp events list shows what happened here, each with its type"


class WebhookLoopbackRefused(RtpError):
    """Plain HTTP to this machine is for instances of class dev; this one is {environment}."""

    status = 400
    still = "Nothing was changed."
    hint = "rtp webhooks listen --forward PATTERN=URL, which forwards from your own machine"


class WebhookEndpointDisabled(RtpError):
    """The webhook endpoint {key} is disabled: {why}."""

    status = 422
    still = "Nothing was sent."
    hint = "rtp webhooks endpoints enable {key}"


class WebhookEndpointUnchanged(RtpError):
    """The webhook endpoint {key} is {state} already."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp webhooks endpoints show {key}"


class WebhookListenerOnly(RtpError):
    """{key} is not the endpoint of a running listener."""

    status = 422
    still = "Nothing was changed."
    hint = "rtp webhooks listen --forward PATTERN=URL"


class WebhookEndpointOnly(RtpError):
    """{key} belongs to a running `rtp webhooks listen`, which keeps and ends it."""

    status = 422
    still = "Nothing was changed."


class WebhookDeliveryNotFound(RtpError):
    """There is no webhook delivery {key}."""

    status = 404
    still = "Nothing was sent."
    hint = "rtp webhooks deliveries list"


class WebhookEventNotFound(RtpError):
    """There is no event {key} that can be sent."""

    status = 404
    still = "Nothing was sent."
    hint = "rtp events list"


class WebhookResendUnclear(RtpError):
    """What to send again is a delivery, an event, or an endpoint and a time; given is {given}."""

    status = 400
    still = "Nothing was sent."
    hint = "rtp webhooks resend --help"


class WebhookResendForgotten(RtpError):
    """Nobody knows what {key} took before {known}: its deliveries of that time are not kept any more."""

    status = 422
    still = "Nothing was sent."
    hint = "rtp webhooks resend --endpoint {key} --since {known}"


class WebhookSecretSealed(RtpError):
    """The secret of the webhook endpoint {key} was sealed with another key than this instance has."""

    status = 422
    still = "Nothing was sent."
    hint = "rtp webhooks endpoints rotate {key} --overlap 0"
