"""The table of staff; global, not sharded."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, text

from rtp.db.base import instant, metadata, one_of, uuid_key, version_column

staff = Table(
    "staff",
    metadata,
    uuid_key(),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    one_of("role", "viewer", "support", "operator", "owner"),
    one_of("status", "active", "disabled"),
    version_column(),
    instant("created_at"),
    Column("created_by", Text),
    Column("created_through", Text),
    Index("uq_staff_email", text("lower(email)"), unique=True),
)
"""`created_by` is who made the account, `created_through` the token they came by; empty where that was not kept."""
