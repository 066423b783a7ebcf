"""The history of requests."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE requests (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    method text NOT NULL,
    route text NOT NULL,
    status smallint NOT NULL,
    duration_ms double precision NOT NULL,
    request_id text NOT NULL,
    actor_kind text NOT NULL
) PARTITION BY RANGE (id);
"""


def upgrade() -> None:
    """Create the history of requests, which the application can only add to."""
    run(TABLES)
    grant(append_only=("requests",))
