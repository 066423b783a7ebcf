"""Subscriptions."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0004"
down_revision = "0003"

TABLES = """
"""


def upgrade() -> None:
    """Apply."""
    run(TABLES)
    grant()
