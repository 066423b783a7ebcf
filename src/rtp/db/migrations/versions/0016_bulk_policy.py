"""What the refund policy said of the rows of a file, and the limits that the whole of it was held to."""

from __future__ import annotations

from rtp.db.statements import run, run_outside

revision = "0016"
down_revision = "0015"

COLUMNS = """
ALTER TABLE refund_bulks
    ADD COLUMN IF NOT EXISTS policy_version integer,
    ADD COLUMN IF NOT EXISTS approvals integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS limits jsonb NOT NULL DEFAULT '[]';
ALTER TABLE refund_bulk_rows ADD COLUMN IF NOT EXISTS approval boolean NOT NULL DEFAULT false;
"""
INDEX = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_refund_bulk_rows_bulk_id_user_id ON refund_bulk_rows (bulk_id, user_id);
"""


def upgrade() -> None:
    """Add the columns, and the index by which the rows of a member are summed."""
    run(COLUMNS)
    run_outside(INDEX)
