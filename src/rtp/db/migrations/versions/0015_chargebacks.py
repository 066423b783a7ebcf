"""What lost disputes took of each line of a payment, and what disputes cost."""

from __future__ import annotations

from rtp.db.statements import run

revision = "0015"
down_revision = "0014"

LINES = """
ALTER TABLE payment_lines
    ADD COLUMN net_lost bigint NOT NULL DEFAULT 0,
    ADD COLUMN tax_lost bigint NOT NULL DEFAULT 0;
"""

FILLED = """
WITH taken AS (
    SELECT p.id, coalesce(sum(d.tax), 0) AS tax, p.disputes_lost - coalesce(sum(d.tax), 0) AS net
    FROM payments p LEFT JOIN disputes d ON d.payment_id = p.id AND d.state = 'lost'
    WHERE p.disputes_lost > 0 GROUP BY p.id
), room AS (
    SELECT l.id, l.payment_id, l.net - l.net_held AS net, l.tax - l.tax_held AS tax,
        sum(l.net - l.net_held) OVER before AS net_before, sum(l.tax - l.tax_held) OVER before AS tax_before
    FROM payment_lines l JOIN taken ON taken.id = l.payment_id
    WINDOW before AS (
        PARTITION BY l.payment_id ORDER BY l.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
)
UPDATE payment_lines l
SET net_lost = greatest(0, least(room.net, taken.net - coalesce(room.net_before, 0))),
    tax_lost = greatest(0, least(room.tax, taken.tax - coalesce(room.tax_before, 0)))
FROM room JOIN taken ON taken.id = room.payment_id WHERE room.id = l.id;
"""

CAPS = """
ALTER TABLE payment_lines DROP CONSTRAINT ck_payment_lines_net_cap;
ALTER TABLE payment_lines ADD CONSTRAINT ck_payment_lines_net_cap
    CHECK (net_held >= 0 AND net_lost >= 0 AND net_held + net_lost <= net) NOT VALID;
ALTER TABLE payment_lines VALIDATE CONSTRAINT ck_payment_lines_net_cap;
ALTER TABLE payment_lines DROP CONSTRAINT ck_payment_lines_tax_cap;
ALTER TABLE payment_lines ADD CONSTRAINT ck_payment_lines_tax_cap
    CHECK (tax_held >= 0 AND tax_lost >= 0 AND tax_held + tax_lost <= tax) NOT VALID;
ALTER TABLE payment_lines VALIDATE CONSTRAINT ck_payment_lines_tax_cap;
"""

FEES = """
ALTER TABLE disputes ADD COLUMN fee bigint NOT NULL DEFAULT 0;
ALTER TABLE disputes ADD CONSTRAINT ck_disputes_fee CHECK (fee >= 0) NOT VALID;
ALTER TABLE disputes VALIDATE CONSTRAINT ck_disputes_fee;
"""

ASIDE = """
ALTER TABLE reconcile_set_aside
    ADD COLUMN closed_at timestamptz,
    ADD COLUMN closed_by text NOT NULL DEFAULT '',
    ADD COLUMN reason text NOT NULL DEFAULT '',
    ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE reconcile_set_aside ADD CONSTRAINT ck_reconcile_set_aside_closed
    CHECK ((closed_at IS NULL) = (closed_by = '')) NOT VALID;
ALTER TABLE reconcile_set_aside VALIDATE CONSTRAINT ck_reconcile_set_aside_closed;
"""

UNMATCHED = """
ALTER TABLE webhooks_received DROP CONSTRAINT ck_webhooks_received_state;
ALTER TABLE webhooks_received ADD CONSTRAINT ck_webhooks_received_state
    CHECK (state IN ('received', 'processed', 'failed', 'ignored', 'unmatched')) NOT VALID;
ALTER TABLE webhooks_received VALIDATE CONSTRAINT ck_webhooks_received_state;
"""

TAKEN_IN = """
ALTER TABLE refunds ADD COLUMN provider_key text;
CREATE UNIQUE INDEX uq_refunds_provider_key ON refunds (provider_key) WHERE provider_key IS NOT NULL;
"""


def upgrade() -> None:
    """Let no line give back more than was sold of it, by refunds or by lost disputes; keep what a dispute costs, how a
    difference that was set aside was closed, which events are about what only the provider has, and under which key
    the provider knows a refund that was made there.
    """
    run(LINES + FILLED + CAPS + FEES + ASIDE + UNMATCHED + TAKEN_IN)
