"""The table of what was last found: one row a rule, global."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata, version_column

invariants = Table(
    "invariants",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, CheckConstraint("state IN ('ok', 'warning', 'failed')", name="state"), nullable=False),
    Column("found", Integer, nullable=False),
    Column("examples", JSONB, nullable=False),
    Column("detail", Text, nullable=False),
    Column("fix", Text, nullable=False),
    version_column(),
    instant("since"),
    instant("checked_at"),
)
