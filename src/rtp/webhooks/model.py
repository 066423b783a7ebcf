"""Tables of webhooks."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata, uuid_key, version_column

# Received: events of providers.

received = Table(
    "webhooks_received",
    metadata,
    uuid_key(),
    Column("provider", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("about", Text, nullable=False, server_default=""),
    Column("body", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("event", JSONB),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('received', 'processed', 'failed', 'ignored')", name="state"),
        nullable=False,
    ),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("error_code", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    version_column(),
    instant("occurred_at"),
    instant("received_at"),
    instant("next_attempt_at", nullable=True),
    instant("processed_at", nullable=True),
    UniqueConstraint("provider", "event_id"),
    Index("ix_webhooks_received_state_id", "state", "id"),
    Index("ix_webhooks_received_about_id", "about", "id"),
)
"""Events of providers, each once; `event` is the body as the provider's adapter read it, null when it has no use."""

# Sent.
