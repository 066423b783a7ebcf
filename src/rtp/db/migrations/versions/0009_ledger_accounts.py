"""The chart of accounts."""

from __future__ import annotations

from rtp.db.statements import run

revision = "0009"
down_revision = "0008"

CHART = """
ALTER TABLE ledger ADD CONSTRAINT ck_ledger_account CHECK (split_part(account, ':', 1) IN (
    'clearing', 'disputes', 'cash', 'deferred', 'tax payable', 'refunds payable', 'member credit',
    'sales', 'refunds', 'credits given', 'fees', 'dispute losses'
)) NOT VALID;
ALTER TABLE ledger VALIDATE CONSTRAINT ck_ledger_account;
"""


def upgrade() -> None:
    """Let nothing be posted on an account that the chart does not name."""
    run(CHART)
