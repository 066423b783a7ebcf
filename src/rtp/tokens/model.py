"""The table of tokens; global, not sharded."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, LargeBinary, Table, Text, Uuid

from rtp.db.base import instant, metadata, one_of, uuid_key, version_column

tokens = Table(
    "tokens",
    metadata,
    uuid_key(),
    Column("name", Text, nullable=False),
    one_of("role", "viewer", "support", "operator", "owner"),
    Column("staff_id", Uuid),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("last_four", Text, nullable=False),
    version_column(),
    instant("created_at"),
    instant("expires_at", nullable=True),
    instant("revoked_at", nullable=True),
    Column("created_by", Text),
    Column("created_through", Text),
    ForeignKeyConstraint(["staff_id"], ["staff.id"]),
    Index("ix_tokens_staff_id", "staff_id"),
)
"""`created_by` is who made it, `created_through` the token they came by; empty where that was not kept."""
