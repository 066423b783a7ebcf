"""The chart of accounts, and what was last found of the invariants."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0009"
down_revision = "0008"

CHART = """
ALTER TABLE ledger ADD CONSTRAINT ck_ledger_account CHECK (split_part(account, ':', 1) IN (
    'clearing', 'disputes', 'cash', 'deferred', 'tax payable', 'refunds payable', 'member credit',
    'sales', 'refunds', 'credits given', 'fees', 'dispute losses'
)) NOT VALID;
ALTER TABLE ledger VALIDATE CONSTRAINT ck_ledger_account;
"""

INVARIANTS = """
CREATE TABLE invariants (
    name text PRIMARY KEY,
    state text NOT NULL CONSTRAINT ck_invariants_state CHECK (state IN ('ok', 'warning', 'failed')),
    found integer NOT NULL,
    examples jsonb NOT NULL,
    detail text NOT NULL,
    fix text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    since timestamptz NOT NULL,
    checked_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Let nothing be posted on accounts that the chart does not name, and keep what a look at the invariants found."""
    run(CHART + INVARIANTS)
    grant("invariants")
