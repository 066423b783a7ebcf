"""Subscriptions, and the entitlements that they give."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0004"
down_revision = "0003"

TABLES = """
CREATE TABLE subscriptions (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT ck_subscriptions_user_id CHECK (user_id >= 0)
        CONSTRAINT fk_subscriptions_user_id REFERENCES users (id),
    product_id uuid NOT NULL,
    product_key text NOT NULL,
    price_id uuid NOT NULL,
    price_key text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_subscriptions_amount CHECK (amount > 0),
    currency text NOT NULL,
    interval text NOT NULL,
    interval_count integer NOT NULL CONSTRAINT ck_subscriptions_interval_count CHECK (interval_count > 0),
    status text NOT NULL CONSTRAINT ck_subscriptions_status CHECK (status IN (
        'incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled'
    )),
    zone text NOT NULL,
    anchor timestamptz NOT NULL,
    boundary integer NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    trial_end timestamptz,
    cancel_at_period_end boolean NOT NULL,
    due_at timestamptz,
    payment_method_id uuid,
    payment_id uuid,
    payment_state text NOT NULL CONSTRAINT ck_subscriptions_payment_state CHECK (payment_state IN (
        'none', 'pending', 'succeeded', 'failed'
    )),
    payment_failure text NOT NULL,
    payment_cause text NOT NULL,
    failures integer NOT NULL,
    past_due_since timestamptz,
    grace_until timestamptz,
    paused_at timestamptz,
    ended_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_subscriptions_period CHECK (period_end >= period_start)
);
CREATE INDEX ix_subscriptions_user_id_id ON subscriptions (user_id, id);
CREATE INDEX ix_subscriptions_status_id ON subscriptions (status, id);
CREATE INDEX ix_subscriptions_price_key_id ON subscriptions (price_key, id);
CREATE INDEX ix_subscriptions_price_key_user_id ON subscriptions (price_key, user_id);
CREATE INDEX ix_subscriptions_due_at_id ON subscriptions (due_at, id) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX uq_subscriptions_live ON subscriptions (user_id, product_id)
    WHERE status = ANY (ARRAY['incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused']);

CREATE TABLE entitlements (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT ck_entitlements_user_id CHECK (user_id >= 0)
        CONSTRAINT fk_entitlements_user_id REFERENCES users (id),
    product_id uuid NOT NULL,
    product_key text NOT NULL,
    open boolean NOT NULL,
    why text NOT NULL,
    until timestamptz,
    source_id uuid NOT NULL,
    opened_at timestamptz,
    closed_at timestamptz,
    version integer NOT NULL DEFAULT 1
);
CREATE INDEX ix_entitlements_user_id_id ON entitlements (user_id, id);
CREATE INDEX ix_entitlements_product_key_id ON entitlements (product_key, id);
CREATE UNIQUE INDEX uq_entitlements_user_id_product_id ON entitlements (user_id, product_id);
"""


def upgrade() -> None:
    """Apply."""
    run(TABLES)
    grant("subscriptions", "entitlements")
