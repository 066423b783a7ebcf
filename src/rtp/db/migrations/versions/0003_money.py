"""Money."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0003"
down_revision = "0002"

TABLES = """
"""


def upgrade() -> None:
    """Apply."""
    run(TABLES)
    grant()
