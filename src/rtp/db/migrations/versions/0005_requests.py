"""Requests."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0005"
down_revision = "0004"

TABLES = """
"""


def upgrade() -> None:
    """Apply."""
    run(TABLES)
    grant()
