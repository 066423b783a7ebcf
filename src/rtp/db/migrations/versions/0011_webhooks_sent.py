"""Endpoints of others, their secrets, and deliveries."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0011"
down_revision = "0010"

TABLES = """
CREATE TABLE webhooks_endpoints (
    id uuid PRIMARY KEY,
    kind text NOT NULL CONSTRAINT ck_webhooks_endpoints_kind CHECK (kind IN ('endpoint', 'listen')),
    url text NOT NULL,
    events text[] NOT NULL CONSTRAINT ck_webhooks_endpoints_events CHECK (cardinality(events) > 0),
    signing text NOT NULL CONSTRAINT ck_webhooks_endpoints_signing CHECK (signing IN ('v1', 'v1a')),
    loopback boolean NOT NULL,
    description text NOT NULL DEFAULT '',
    state text NOT NULL
        CONSTRAINT ck_webhooks_endpoints_state CHECK (state IN ('enabled', 'disabled', 'deleted')),
    disabled_reason text NOT NULL DEFAULT '',
    listening_since timestamptz NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    CONSTRAINT ck_webhooks_endpoints_expires CHECK ((kind = 'listen') = (expires_at IS NOT NULL)),
    CONSTRAINT ck_webhooks_endpoints_url CHECK ((kind = 'listen') = (url = ''))
);
CREATE INDEX ix_webhooks_endpoints_state_id ON webhooks_endpoints (state, id);

CREATE TABLE webhooks_secrets (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL CONSTRAINT fk_webhooks_secrets_endpoint_id
        REFERENCES webhooks_endpoints (id) ON DELETE CASCADE,
    sealed bytea NOT NULL,
    public_key text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX ix_webhooks_secrets_endpoint_id_id ON webhooks_secrets (endpoint_id, id);

CREATE TABLE webhooks_deliveries (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL CONSTRAINT fk_webhooks_deliveries_endpoint_id
        REFERENCES webhooks_endpoints (id) ON DELETE CASCADE,
    event_id uuid NOT NULL,
    type text NOT NULL,
    state text NOT NULL CONSTRAINT ck_webhooks_deliveries_state
        CHECK (state IN ('pending', 'succeeded', 'failed', 'canceled')),
    round integer NOT NULL DEFAULT 1,
    tries integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    last_status integer,
    last_error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    next_attempt_at timestamptz,
    settled_at timestamptz,
    CONSTRAINT uq_webhooks_deliveries_endpoint_id_event_id UNIQUE (endpoint_id, event_id),
    CONSTRAINT ck_webhooks_deliveries_next CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL))
);
CREATE INDEX ix_webhooks_deliveries_endpoint_id_id ON webhooks_deliveries (endpoint_id, id);
CREATE INDEX ix_webhooks_deliveries_state_id ON webhooks_deliveries (state, id);
CREATE INDEX ix_webhooks_deliveries_event_id ON webhooks_deliveries (event_id);
CREATE INDEX ix_webhooks_deliveries_due ON webhooks_deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';

CREATE TABLE webhooks_attempts (
    delivery_id uuid NOT NULL CONSTRAINT fk_webhooks_attempts_delivery_id
        REFERENCES webhooks_deliveries (id) ON DELETE CASCADE,
    number integer NOT NULL,
    at timestamptz NOT NULL,
    status integer,
    ms integer NOT NULL,
    error text NOT NULL DEFAULT '',
    answer text NOT NULL DEFAULT '',
    CONSTRAINT pk_webhooks_attempts PRIMARY KEY (delivery_id, number)
);
"""


def upgrade() -> None:
    """Create the tables: one delivery for an endpoint and an event, one row for each attempt."""
    run(TABLES)
    grant("webhooks_endpoints", "webhooks_secrets", "webhooks_deliveries", "webhooks_attempts")
