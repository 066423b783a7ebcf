"""Circuit breakers of the processes, and orders to reset them."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE TABLE breakers (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    process text NOT NULL,
    circuit text NOT NULL CONSTRAINT ck_breakers_circuit CHECK (circuit IN ('closed', 'open', 'half_open')),
    fires integer NOT NULL,
    failures integer NOT NULL,
    calls jsonb NOT NULL,
    resets_asked integer NOT NULL DEFAULT 0,
    resets_done integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1,
    since timestamptz NOT NULL,
    half_open_at timestamptz,
    seen_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_breakers_name_process UNIQUE (name, process)
);
"""


def upgrade() -> None:
    """Create the table of breakers; an order to reset stands in the row of the process that is to carry it out."""
    run(TABLES)
    grant("breakers")
