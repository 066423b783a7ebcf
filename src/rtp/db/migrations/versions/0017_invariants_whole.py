"""When a rule was last looked at over everything there is, as some looks are only at what is new."""

from __future__ import annotations

from rtp.db.statements import run

revision = "0017"
down_revision = "0016"

COLUMN = """
ALTER TABLE invariants ADD COLUMN whole_at timestamptz;
"""


def upgrade() -> None:
    """Add the column; without a value the next look is a whole one."""
    run(COLUMN)
