"""Tables of webhooks."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from rtp.db.base import instant, metadata, one_of, uuid_key, version_column

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
    one_of("state", "received", "processed", "failed", "ignored", "unmatched"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("error_code", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    version_column(),
    instant("occurred_at"),
    instant("received_at"),
    instant("next_attempt_at", nullable=True),
    instant("processed_at", nullable=True),
    UniqueConstraint("event_id", "provider"),
    Index("ix_webhooks_received_state_id", "state", "id"),
    Index("ix_webhooks_received_about_id", "about", "id"),
)
"""Events of providers, each once; `event` is the body as the provider's adapter read it, null when it has no use."""

# Sent: endpoints of others, their secrets, and deliveries.

endpoints = Table(
    "webhooks_endpoints",
    metadata,
    uuid_key(),
    one_of("kind", "endpoint", "listen"),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), CheckConstraint("cardinality(events) > 0", name="events"), nullable=False),
    one_of("signing", "v1", "v1a"),
    Column("loopback", Boolean, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    one_of("state", "enabled", "disabled", "deleted"),
    Column("disabled_reason", Text, nullable=False, server_default=""),
    instant("listening_since"),
    Column("failures", Integer, nullable=False, server_default="0"),
    instant("failing_since", nullable=True),
    version_column(),
    instant("created_at"),
    instant("expires_at", nullable=True),
    CheckConstraint("(kind = 'listen') = (expires_at IS NOT NULL)", name="expires"),
    CheckConstraint("(kind = 'listen') = (url = '')", name="url"),
    Index("ix_webhooks_endpoints_state_id", "state", "id"),
)
"""Events from `listening_since` on go there; a deleted one is cleared away bit by bit."""

secrets = Table(
    "webhooks_secrets",
    metadata,
    uuid_key(),
    Column("endpoint_id", Uuid, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("public_key", Text, nullable=False, server_default=""),
    instant("created_at"),
    instant("expires_at", nullable=True),
    ForeignKeyConstraint(["endpoint_id"], ["webhooks_endpoints.id"], ondelete="CASCADE"),
    Index("ix_webhooks_secrets_endpoint_id_id", "endpoint_id", "id"),
)
"""What signs for an endpoint, sealed under the instance's key."""

deliveries = Table(
    "webhooks_deliveries",
    metadata,
    uuid_key(),
    Column("endpoint_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    one_of("state", "pending", "succeeded", "failed", "canceled"),
    Column("round", Integer, nullable=False, server_default="1"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_status", Integer),
    Column("last_error", Text, nullable=False, server_default=""),
    instant("created_at"),
    instant("next_attempt_at", nullable=True),
    instant("settled_at", nullable=True),
    UniqueConstraint("endpoint_id", "event_id"),
    CheckConstraint("(state = 'pending') = (next_attempt_at IS NOT NULL)", name="next"),
    ForeignKeyConstraint(["endpoint_id"], ["webhooks_endpoints.id"], ondelete="CASCADE"),
    Index("ix_webhooks_deliveries_endpoint_id_id", "endpoint_id", "id"),
    Index("ix_webhooks_deliveries_state_id", "state", "id"),
    Index("ix_webhooks_deliveries_event_id", "event_id"),
    Index("ix_webhooks_deliveries_due", "endpoint_id", "next_attempt_at", postgresql_where=text("state = 'pending'")),
)
"""One event for one endpoint, once; `tries` are those of this `round`, a resend begins the next one."""

attempts = Table(
    "webhooks_attempts",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    instant("at"),
    Column("status", Integer),
    Column("ms", Integer, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("answer", Text, nullable=False, server_default=""),
    ForeignKeyConstraint(["delivery_id"], ["webhooks_deliveries.id"], ondelete="CASCADE"),
)
