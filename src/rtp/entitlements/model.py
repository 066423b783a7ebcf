"""Tables of entitlements: one row per member and product, also after it was closed."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Table, Text, Uuid

from rtp.db.base import instant, metadata, user_column, uuid_key, version_column

entitlements = Table(
    "entitlements",
    metadata,
    uuid_key(),
    user_column(),
    Column("product_id", Uuid, nullable=False),
    Column("product_key", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("why", Text, nullable=False),
    instant("until", nullable=True),
    Column("source_id", Uuid, nullable=False),
    instant("opened_at", nullable=True),
    instant("closed_at", nullable=True),
    version_column(),
    instant("revoked_until", nullable=True),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    Index("ix_entitlements_user_id_id", "user_id", "id"),
    Index("ix_entitlements_product_key_id", "product_key", "id"),
    Index("uq_entitlements_user_id_product_id", "user_id", "product_id", unique=True),
)
