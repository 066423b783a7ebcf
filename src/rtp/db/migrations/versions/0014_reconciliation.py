"""Runs that compare the provider's record with ours."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0014"
down_revision = "0013"

TABLES = """
CREATE TABLE reconcile_runs (
    id uuid PRIMARY KEY,
    provider text NOT NULL,
    kind text NOT NULL CONSTRAINT ck_reconcile_runs_kind CHECK (kind IN ('look', 'mend')),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    charges integer NOT NULL,
    refunds integer NOT NULL,
    disputes integer NOT NULL,
    found integer NOT NULL,
    left_open integer NOT NULL,
    set_aside integer NOT NULL,
    differences jsonb NOT NULL,
    started_by text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX ix_reconcile_runs_kind_id ON reconcile_runs (kind, id);

CREATE TABLE reconcile_set_aside (
    id uuid PRIMARY KEY,
    provider text NOT NULL,
    noun text NOT NULL CONSTRAINT ck_reconcile_set_aside_noun CHECK (noun IN ('charge', 'refund', 'dispute')),
    name text NOT NULL,
    digest text NOT NULL,
    difference jsonb NOT NULL,
    set_aside_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT uq_reconcile_set_aside_provider_noun_name UNIQUE (provider, noun, name)
);
"""


def upgrade() -> None:
    """Create the tables of runs, and of what was set aside for a person; both are global."""
    run(TABLES)
    grant("reconcile_runs", "reconcile_set_aside")
