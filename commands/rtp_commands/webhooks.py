"""`rtp webhooks`: the events of providers that came in, and those that we send to others."""

from __future__ import annotations

import typer

from rtp_commands import webhooks_deliveries, webhooks_endpoints, webhooks_listen, webhooks_received

app = typer.Typer()
for part in (webhooks_endpoints, webhooks_deliveries, webhooks_listen, webhooks_received):
    app.registered_commands += part.app.registered_commands
