"""Sagas, their steps, and bulk refunds."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0012"
down_revision = "0011"

TABLES = """
CREATE TABLE sagas (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    definition_version integer NOT NULL,
    subject text NOT NULL,
    data jsonb NOT NULL,
    state text NOT NULL CONSTRAINT ck_sagas_state
        CHECK (state IN ('pending', 'running', 'compensating', 'succeeded', 'compensated', 'stuck')),
    direction text NOT NULL CONSTRAINT ck_sagas_direction CHECK (direction IN ('forward', 'back')),
    turn integer NOT NULL DEFAULT 1,
    cancelling boolean NOT NULL DEFAULT false,
    page_after integer NOT NULL,
    error text NOT NULL DEFAULT '',
    created_by text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT ck_sagas_ended CHECK ((ended_at IS NOT NULL) = (state IN ('succeeded', 'compensated')))
);
CREATE INDEX ix_sagas_state_id ON sagas (state, id);
CREATE INDEX ix_sagas_subject_id ON sagas (subject, id);
CREATE INDEX ix_sagas_next_at ON sagas (next_at) WHERE ended_at IS NULL;

CREATE TABLE saga_steps (
    id uuid PRIMARY KEY,
    saga_id uuid NOT NULL CONSTRAINT fk_saga_steps_saga_id REFERENCES sagas (id),
    place integer NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CONSTRAINT ck_saga_steps_kind CHECK (kind IN ('reversible', 'pivot', 'retryable')),
    state text NOT NULL CONSTRAINT ck_saga_steps_state
        CHECK (state IN ('pending', 'running', 'done', 'failed', 'compensated')),
    touched boolean NOT NULL DEFAULT false,
    failures integer NOT NULL DEFAULT 0,
    looks integer NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    started_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT uq_saga_steps_saga_id_place UNIQUE (saga_id, place),
    CONSTRAINT uq_saga_steps_saga_id_name UNIQUE (saga_id, name),
    CONSTRAINT ck_saga_steps_no_way_back CHECK (state <> 'compensated' OR kind = 'reversible')
);

CREATE TABLE refund_bulks (
    id uuid PRIMARY KEY,
    state text NOT NULL CONSTRAINT ck_refund_bulks_state
        CHECK (state IN ('draft', 'planned', 'applying', 'succeeded', 'partly', 'failed', 'canceled')),
    file text NOT NULL,
    batches integer NOT NULL DEFAULT 0,
    rows integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    totals jsonb NOT NULL DEFAULT '[]',
    max_count integer,
    max_totals jsonb NOT NULL DEFAULT '[]',
    digest text NOT NULL DEFAULT '',
    done integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    canceled integer NOT NULL DEFAULT 0,
    waiting integer NOT NULL DEFAULT 0,
    moved jsonb NOT NULL DEFAULT '[]',
    canceling boolean NOT NULL DEFAULT false,
    error text NOT NULL DEFAULT '',
    saga_id uuid CONSTRAINT fk_refund_bulks_saga_id REFERENCES sagas (id),
    created_by text NOT NULL,
    applied_by text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    planned_at timestamptz,
    expires_at timestamptz,
    applied_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT ck_refund_bulks_applied CHECK (saga_id IS NOT NULL OR state IN ('draft', 'planned', 'canceled'))
);
CREATE INDEX ix_refund_bulks_state_id ON refund_bulks (state, id);
CREATE INDEX ix_refund_bulks_digest ON refund_bulks (digest);

CREATE TABLE refund_bulk_rows (
    id uuid PRIMARY KEY,
    bulk_id uuid NOT NULL CONSTRAINT fk_refund_bulk_rows_bulk_id REFERENCES refund_bulks (id) ON DELETE CASCADE,
    row integer NOT NULL,
    payment text NOT NULL,
    payment_id uuid,
    user_id bigint CONSTRAINT ck_refund_bulk_rows_user_id CHECK (user_id >= 0),
    amount bigint CONSTRAINT ck_refund_bulk_rows_amount CHECK (amount > 0),
    currency text NOT NULL DEFAULT '',
    payment_version integer,
    reason text NOT NULL,
    note text NOT NULL DEFAULT '',
    ticket text NOT NULL DEFAULT '',
    key text,
    state text NOT NULL CONSTRAINT ck_refund_bulk_rows_state
        CHECK (state IN ('planned', 'refused', 'issued', 'failed', 'canceled')),
    code text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    refund_id uuid,
    CONSTRAINT uq_refund_bulk_rows_bulk_id_row UNIQUE (bulk_id, row),
    CONSTRAINT uq_refund_bulk_rows_refund_id UNIQUE (refund_id),
    CONSTRAINT ck_refund_bulk_rows_issued CHECK ((refund_id IS NOT NULL) = (state = 'issued')),
    CONSTRAINT ck_refund_bulk_rows_checked CHECK (state = 'refused' OR (payment_id IS NOT NULL AND amount IS NOT NULL))
);
CREATE INDEX ix_refund_bulk_rows_bulk_id_payment_id ON refund_bulk_rows (bulk_id, payment_id);
CREATE INDEX ix_refund_bulk_rows_bulk_id_state_row ON refund_bulk_rows (bulk_id, state, row);
CREATE INDEX ix_refund_bulk_rows_key ON refund_bulk_rows (key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX uq_refund_bulk_rows_bulk_id_key ON refund_bulk_rows (bulk_id, key)
    WHERE key IS NOT NULL AND state <> 'refused';
"""


def upgrade() -> None:
    """Create the tables of sagas, and of the bulk refunds that run as one."""
    run(TABLES)
    grant("sagas", "saga_steps", "refund_bulks", "refund_bulk_rows")
