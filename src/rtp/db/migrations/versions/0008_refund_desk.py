"""Lines of payments and refunds, approvals, limits, the refund policy."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0008"
down_revision = "0007"

PAYMENTS = """
ALTER TABLE payments ADD COLUMN tax bigint NOT NULL DEFAULT 0, ADD COLUMN disputes_open integer NOT NULL DEFAULT 0;
ALTER TABLE payments ADD CONSTRAINT ck_payments_tax CHECK (tax BETWEEN 0 AND amount) NOT VALID;
ALTER TABLE payments VALIDATE CONSTRAINT ck_payments_tax;
ALTER TABLE payments ADD CONSTRAINT ck_payments_disputes_open CHECK (disputes_open >= 0) NOT VALID;
ALTER TABLE payments VALIDATE CONSTRAINT ck_payments_disputes_open;

CREATE TABLE payment_lines (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT ck_payment_lines_user_id CHECK (user_id >= 0)
        CONSTRAINT fk_payment_lines_user_id REFERENCES users (id),
    payment_id uuid NOT NULL CONSTRAINT fk_payment_lines_payment_id REFERENCES payments (id),
    position integer NOT NULL CONSTRAINT ck_payment_lines_position CHECK (position > 0),
    product text NOT NULL DEFAULT '',
    price text NOT NULL DEFAULT '',
    description text NOT NULL,
    quantity integer NOT NULL CONSTRAINT ck_payment_lines_quantity CHECK (quantity > 0),
    net bigint NOT NULL CONSTRAINT ck_payment_lines_net CHECK (net >= 0),
    tax bigint NOT NULL CONSTRAINT ck_payment_lines_tax CHECK (tax >= 0),
    quantity_held integer NOT NULL DEFAULT 0,
    net_held bigint NOT NULL DEFAULT 0,
    tax_held bigint NOT NULL DEFAULT 0,
    CONSTRAINT ck_payment_lines_quantity_cap CHECK (quantity_held BETWEEN 0 AND quantity),
    CONSTRAINT ck_payment_lines_net_cap CHECK (net_held BETWEEN 0 AND net),
    CONSTRAINT ck_payment_lines_tax_cap CHECK (tax_held BETWEEN 0 AND tax)
);
CREATE UNIQUE INDEX uq_payment_lines_payment_id_position ON payment_lines (payment_id, position);
CREATE INDEX ix_payment_lines_user_id_id ON payment_lines (user_id, id);
INSERT INTO payment_lines (id, user_id, payment_id, position, product, price, description, quantity, net, tax, net_held)
SELECT p.id, p.user_id, p.id, 1, coalesce(sold.product, ''), coalesce(sold.price, ''), p.purpose, 1, p.amount, 0,
    p.refunds_held
FROM payments p LEFT JOIN LATERAL (
    SELECT products.key AS product, prices.key AS price FROM prices JOIN products ON products.id = prices.product_id
    WHERE prices.key = split_part(p.purpose, ', period ', 1) LIMIT 1
) sold ON true;
"""

REFUNDS = """
ALTER TABLE refunds
    ADD COLUMN tax bigint NOT NULL DEFAULT 0,
    ADD COLUMN note text NOT NULL DEFAULT '',
    ADD COLUMN ticket text NOT NULL DEFAULT '',
    ADD COLUMN approval_needed boolean NOT NULL DEFAULT false,
    ADD COLUMN approved_by text,
    ADD COLUMN decided_at timestamptz,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN retry_of uuid,
    ADD COLUMN cancel_subscription text NOT NULL DEFAULT 'no',
    ADD COLUMN revoke_access boolean NOT NULL DEFAULT false,
    ADD COLUMN policy_version integer NOT NULL DEFAULT 0;
ALTER TABLE refunds DROP CONSTRAINT ck_refunds_state;
ALTER TABLE refunds ADD CONSTRAINT ck_refunds_state CHECK (state IN (
    'waiting', 'created', 'submitted', 'pending', 'unknown', 'succeeded', 'failed', 'canceled', 'rejected', 'expired'
)) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT ck_refunds_state;
UPDATE refunds SET note = reason, reason = 'other' WHERE reason NOT IN (
    'duplicate', 'requested_by_customer', 'fraudulent', 'service_not_provided', 'goodwill', 'other'
);
ALTER TABLE refunds DROP CONSTRAINT ck_refunds_reason;
ALTER TABLE refunds ADD CONSTRAINT ck_refunds_reason CHECK (reason IN (
    'duplicate', 'requested_by_customer', 'fraudulent', 'service_not_provided', 'goodwill', 'other'
)) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT ck_refunds_reason;
ALTER TABLE refunds ADD CONSTRAINT ck_refunds_tax CHECK (tax BETWEEN 0 AND amount) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT ck_refunds_tax;
ALTER TABLE refunds ADD CONSTRAINT ck_refunds_cancel_subscription
    CHECK (cancel_subscription IN ('no', 'now', 'period_end')) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT ck_refunds_cancel_subscription;
ALTER TABLE refunds ADD CONSTRAINT ck_refunds_second_person CHECK (approved_by <> issued_by) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT ck_refunds_second_person;
ALTER TABLE refunds ADD CONSTRAINT ck_refunds_approved CHECK (
    NOT approval_needed OR approved_by IS NOT NULL OR state IN ('waiting', 'rejected', 'expired')
) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT ck_refunds_approved;
ALTER TABLE refunds ADD CONSTRAINT fk_refunds_retry_of FOREIGN KEY (retry_of) REFERENCES refunds (id) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT fk_refunds_retry_of;
CREATE INDEX ix_refunds_issued_by_created_at ON refunds (issued_by, created_at);
CREATE UNIQUE INDEX uq_refunds_retry_of ON refunds (retry_of)
    WHERE state <> ALL (ARRAY['failed', 'canceled', 'rejected', 'expired']);

CREATE TABLE refund_lines (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL CONSTRAINT ck_refund_lines_user_id CHECK (user_id >= 0)
        CONSTRAINT fk_refund_lines_user_id REFERENCES users (id),
    refund_id uuid NOT NULL CONSTRAINT fk_refund_lines_refund_id REFERENCES refunds (id),
    payment_line_id uuid NOT NULL CONSTRAINT fk_refund_lines_payment_line_id REFERENCES payment_lines (id),
    position integer NOT NULL,
    quantity integer NOT NULL CONSTRAINT ck_refund_lines_quantity CHECK (quantity >= 0),
    net bigint NOT NULL CONSTRAINT ck_refund_lines_net CHECK (net >= 0),
    tax bigint NOT NULL CONSTRAINT ck_refund_lines_tax CHECK (tax >= 0),
    CONSTRAINT ck_refund_lines_amount CHECK (net + tax > 0)
);
CREATE UNIQUE INDEX uq_refund_lines_refund_id_position ON refund_lines (refund_id, position);
CREATE INDEX ix_refund_lines_user_id_id ON refund_lines (user_id, id);
INSERT INTO refund_lines (id, user_id, refund_id, payment_line_id, position, quantity, net, tax)
SELECT id, user_id, id, payment_id, 1, 0, amount, 0 FROM refunds;

CREATE TABLE refund_policies (
    id uuid PRIMARY KEY,
    version integer NOT NULL,
    document jsonb NOT NULL,
    applied_by text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX uq_refund_policies_version ON refund_policies (version);

CREATE TABLE refund_desks (
    holder text NOT NULL,
    currency text NOT NULL,
    day bigint NOT NULL DEFAULT 0,
    week bigint NOT NULL DEFAULT 0,
    month bigint NOT NULL DEFAULT 0,
    day_limit bigint,
    week_limit bigint,
    month_limit bigint,
    CONSTRAINT pk_refund_desks PRIMARY KEY (holder, currency),
    CONSTRAINT ck_refund_desks_day CHECK (day <= day_limit),
    CONSTRAINT ck_refund_desks_week CHECK (week <= week_limit),
    CONSTRAINT ck_refund_desks_month CHECK (month <= month_limit)
);

ALTER TABLE entitlements ADD COLUMN revoked_until timestamptz;
"""


def upgrade() -> None:
    """Give each payment and refund its lines, each refund who approved it, and keep policies and running sums."""
    run(PAYMENTS + REFUNDS)
    grant("payment_lines", "refund_lines", "refund_desks", append_only=("refund_policies",))
