"""The table of what was last found: one row a rule, global."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata, one_of, version_column

invariants = Table(
    "invariants",
    metadata,
    Column("name", Text, primary_key=True),
    one_of("state", "ok", "warning", "failed"),
    Column("found", Integer, nullable=False),
    Column("examples", JSONB, nullable=False),
    Column("detail", Text, nullable=False),
    Column("fix", Text, nullable=False),
    version_column(),
    instant("since"),
    instant("checked_at"),
    instant("whole_at", nullable=True),
)
