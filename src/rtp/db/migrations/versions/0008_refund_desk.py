"""Lines of payments and refunds, approvals, limits, the refund policy."""

from __future__ import annotations

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing yet."""
