"""Events that providers sent."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0010"
down_revision = "0009"

TABLES = """
CREATE TABLE webhooks_received (
    id uuid PRIMARY KEY,
    provider text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    about text NOT NULL DEFAULT '',
    body bytea NOT NULL,
    headers jsonb NOT NULL,
    event jsonb,
    state text NOT NULL CONSTRAINT ck_webhooks_received_state
        CHECK (state IN ('received', 'processed', 'failed', 'ignored')),
    attempts integer NOT NULL DEFAULT 0,
    outcome text NOT NULL DEFAULT '',
    error_code text NOT NULL DEFAULT '',
    error text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    next_attempt_at timestamptz,
    processed_at timestamptz,
    CONSTRAINT uq_webhooks_received_event_id_provider UNIQUE (event_id, provider)
);
CREATE INDEX ix_webhooks_received_state_id ON webhooks_received (state, id);
CREATE INDEX ix_webhooks_received_about_id ON webhooks_received (about, id);
"""


def upgrade() -> None:
    """Create the table of received events: one row for an event, however often it is delivered."""
    run(TABLES)
    grant("webhooks_received")
