"""`rtp webhooks`: the events of providers that came in."""

from __future__ import annotations

import typer

from rtp_commands import webhooks_received

app = typer.Typer()
app.registered_commands += webhooks_received.app.registered_commands
