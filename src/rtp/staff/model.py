"""The table of staff; global, not sharded."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, text

from rtp.db.base import instant, metadata, uuid_key, version_column

staff = Table(
    "staff",
    metadata,
    uuid_key(),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column(
        "role", Text, CheckConstraint("role IN ('viewer', 'support', 'operator', 'owner')", name="role"), nullable=False
    ),
    Column("status", Text, CheckConstraint("status IN ('active', 'disabled')", name="status"), nullable=False),
    version_column(),
    instant("created_at"),
    Index("uq_staff_email", text("lower(email)"), unique=True),
)
