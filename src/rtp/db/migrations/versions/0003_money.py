"""Payment methods, payments, refunds, and the ledger."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE payment_methods (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT ck_payment_methods_user_id CHECK (user_id >= 0)
        CONSTRAINT fk_payment_methods_user_id REFERENCES users (id),
    provider text NOT NULL,
    card text NOT NULL,
    provider_ref text,
    brand text NOT NULL DEFAULT '',
    last_four text NOT NULL DEFAULT '',
    state text NOT NULL CONSTRAINT ck_payment_methods_state CHECK (state IN ('pending', 'active', 'failed', 'removed')),
    failure_reason text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL
);
CREATE INDEX ix_payment_methods_user_id_id ON payment_methods (user_id, id);

CREATE TABLE payments (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT ck_payments_user_id CHECK (user_id >= 0)
        CONSTRAINT fk_payments_user_id REFERENCES users (id),
    method_id uuid NOT NULL CONSTRAINT fk_payments_method_id REFERENCES payment_methods (id),
    amount bigint NOT NULL CONSTRAINT ck_payments_amount CHECK (amount > 0),
    currency text NOT NULL,
    captured bigint NOT NULL DEFAULT 0,
    refunds_held bigint NOT NULL DEFAULT 0,
    disputes_lost bigint NOT NULL DEFAULT 0 CONSTRAINT ck_payments_disputes_lost CHECK (disputes_lost >= 0),
    state text NOT NULL
        CONSTRAINT ck_payments_state CHECK (state IN ('created', 'submitted', 'unknown', 'succeeded', 'failed')),
    purpose text NOT NULL,
    source text NOT NULL,
    provider text NOT NULL,
    provider_ref text,
    failure_reason text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CONSTRAINT ck_payments_captured CHECK (captured BETWEEN 0 AND amount),
    CONSTRAINT ck_payments_refund_cap CHECK (refunds_held BETWEEN 0 AND captured)
);
CREATE INDEX ix_payments_user_id_id ON payments (user_id, id);
CREATE INDEX ix_payments_state_id ON payments (state, id);
CREATE INDEX ix_payments_source_id ON payments (source, id);
CREATE INDEX ix_payments_provider_ref ON payments (provider_ref);
CREATE INDEX ix_payments_failed ON payments (failure_reason, provider) WHERE state = 'failed';

CREATE TABLE refunds (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT ck_refunds_user_id CHECK (user_id >= 0)
        CONSTRAINT fk_refunds_user_id REFERENCES users (id),
    payment_id uuid NOT NULL CONSTRAINT fk_refunds_payment_id REFERENCES payments (id),
    amount bigint NOT NULL CONSTRAINT ck_refunds_amount CHECK (amount > 0),
    currency text NOT NULL,
    state text NOT NULL CONSTRAINT ck_refunds_state
        CHECK (state IN ('created', 'submitted', 'pending', 'unknown', 'succeeded', 'failed', 'canceled')),
    reason text NOT NULL CONSTRAINT ck_refunds_reason CHECK (reason <> ''),
    issued_by text NOT NULL,
    provider_ref text,
    failure_reason text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    settled_at timestamptz
);
CREATE INDEX ix_refunds_payment_id_id ON refunds (payment_id, id);
CREATE INDEX ix_refunds_user_id_id ON refunds (user_id, id);
CREATE INDEX ix_refunds_state_id ON refunds (state, id);
CREATE INDEX ix_refunds_provider_ref ON refunds (provider_ref);

CREATE TABLE ledger (
    id uuid PRIMARY KEY,
    transaction_id uuid NOT NULL,
    kind text NOT NULL,
    source uuid NOT NULL,
    account text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_ledger_amount CHECK (amount <> 0),
    currency text NOT NULL,
    user_id bigint NOT NULL CONSTRAINT ck_ledger_user_id CHECK (user_id >= 0),
    at timestamptz NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX ix_ledger_transaction_id ON ledger (transaction_id);
CREATE INDEX ix_ledger_source_id ON ledger (source, id);
CREATE INDEX ix_ledger_account_id ON ledger (account, id);
CREATE INDEX ix_ledger_user_id_id ON ledger (user_id, id);

CREATE FUNCTION ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unbalanced record;
BEGIN
    SELECT transaction_id, currency, sum(amount) AS total INTO unbalanced
    FROM added GROUP BY transaction_id, currency HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger transaction % does not balance: % %',
            unbalanced.transaction_id, unbalanced.total, unbalanced.currency USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER ledger_balanced AFTER INSERT ON ledger
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_balanced();
"""


def upgrade() -> None:
    """Create the tables of money; the ledger can only be added to."""
    run(TABLES)
    grant("payment_methods", "payments", "refunds", append_only=("ledger",))
