"""When a member's e-mail became another one, and why a second person was asked for a refund."""

from __future__ import annotations

from rtp.db.statements import run

revision = "0019"
down_revision = "0018"

COLUMNS = """
ALTER TABLE users ADD COLUMN email_changed_at timestamptz;
ALTER TABLE refunds ADD COLUMN held_because text NOT NULL DEFAULT '';
"""


def upgrade() -> None:
    """Add the columns, empty for what was before: to read old changes out of the audit would hold members up."""
    run(COLUMNS)
