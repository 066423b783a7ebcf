"""Disputes and their evidence."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0013"
down_revision = "0012"

TABLES = """
CREATE TABLE disputes (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT ck_disputes_user_id CHECK (user_id >= 0)
        CONSTRAINT fk_disputes_user_id REFERENCES users (id),
    payment_id uuid NOT NULL CONSTRAINT fk_disputes_payment_id REFERENCES payments (id),
    provider text NOT NULL,
    provider_ref text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_disputes_amount CHECK (amount > 0),
    currency text NOT NULL,
    tax bigint NOT NULL DEFAULT 0,
    reason text NOT NULL,
    state text NOT NULL CONSTRAINT ck_disputes_state
        CHECK (state IN ('needs_response', 'under_review', 'won', 'lost')),
    due_by timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    answer text NOT NULL DEFAULT 'none' CONSTRAINT ck_disputes_answer
        CHECK (answer IN ('none', 'evidence', 'accept')),
    answer_state text NOT NULL DEFAULT 'none' CONSTRAINT ck_disputes_answer_state
        CHECK (answer_state IN ('none', 'queued', 'sent', 'refused')),
    answer_number integer NOT NULL DEFAULT 0,
    answer_error text NOT NULL DEFAULT '',
    answered_by text NOT NULL DEFAULT '',
    answered_at timestamptz,
    evidence jsonb,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT uq_disputes_provider_ref_provider UNIQUE (provider_ref, provider),
    CONSTRAINT ck_disputes_tax CHECK (tax BETWEEN 0 AND amount),
    CONSTRAINT ck_disputes_closed CHECK ((closed_at IS NOT NULL) = (state IN ('won', 'lost'))),
    CONSTRAINT ck_disputes_answered CHECK ((answer = 'none') = (answer_state = 'none'))
);
CREATE INDEX ix_disputes_user_id_id ON disputes (user_id, id);
CREATE INDEX ix_disputes_payment_id_id ON disputes (payment_id, id);
CREATE INDEX ix_disputes_state_due_by ON disputes (state, due_by);
"""


def upgrade() -> None:
    """Create the table of disputes: one row for each that a provider tells of, however often it does."""
    run(TABLES)
    grant("disputes")
