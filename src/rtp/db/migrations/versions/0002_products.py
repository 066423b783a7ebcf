"""Products."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0002"
down_revision = "0001"

TABLES = """
"""


def upgrade() -> None:
    """Apply."""
    run(TABLES)
    grant()
