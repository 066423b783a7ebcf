"""What this plugin gives to the server and the worker."""

from __future__ import annotations

from rtp.payments.provider import Source
from rtp.plugins.hooks import hookimpl
from rtp_stripe import connecting, webhooks


@hookimpl
def providers() -> list[Source]:
    """Stripe, for RTP_PROVIDER=stripe."""
    return [Source("stripe", connecting.connect, webhooks.verify, connecting.webhook_secrets)]
