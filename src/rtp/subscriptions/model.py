"""Tables of subscriptions.

Product and price are copied into the row as they were bought: a subscriber keeps the price, and the row needs no table
of another shard.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)

from rtp.db.base import instant, metadata, user_column, uuid_key, version_column

LIVE = text("status = ANY (ARRAY['incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused'])")
"""Holds the member's one place for a product; the condition of the unique index, word by word."""

subscriptions = Table(
    "subscriptions",
    metadata,
    uuid_key(),
    user_column(),
    Column("product_id", Uuid, nullable=False),
    Column("product_key", Text, nullable=False),
    Column("price_id", Uuid, nullable=False),
    Column("price_key", Text, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("interval", Text, nullable=False),
    Column("interval_count", Integer, CheckConstraint("interval_count > 0", name="interval_count"), nullable=False),
    Column("status", Text, nullable=False),
    Column("zone", Text, nullable=False),
    instant("anchor"),
    Column("boundary", Integer, nullable=False),
    instant("period_start"),
    instant("period_end"),
    instant("trial_end", nullable=True),
    Column("cancel_at_period_end", Boolean, nullable=False),
    instant("due_at", nullable=True),
    Column("payment_method_id", Uuid),
    Column("payment_id", Uuid),
    Column("payment_state", Text, nullable=False),
    Column("payment_failure", Text, nullable=False),
    Column("payment_cause", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    instant("past_due_since", nullable=True),
    instant("grace_until", nullable=True),
    instant("paused_at", nullable=True),
    instant("ended_at", nullable=True),
    version_column(),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    CheckConstraint(
        "status IN ('incomplete', 'incomplete_expired', 'trialing', 'active', "
        "'past_due', 'unpaid', 'paused', 'canceled')",
        name="status",
    ),
    CheckConstraint("payment_state IN ('none', 'pending', 'succeeded', 'failed')", name="payment_state"),
    CheckConstraint("period_end >= period_start", name="period"),
    Index("ix_subscriptions_user_id_id", "user_id", "id"),
    Index("ix_subscriptions_status_id", "status", "id"),
    Index("ix_subscriptions_price_key_id", "price_key", "id"),
    Index("ix_subscriptions_price_key_user_id", "price_key", "user_id"),
    Index("ix_subscriptions_due_at_id", "due_at", "id", postgresql_where=text("due_at IS NOT NULL")),
    Index("uq_subscriptions_live", "user_id", "product_id", unique=True, postgresql_where=LIVE),
)
"""`boundary` is the number of the boundary, counted from `anchor` in `zone`, at which `period_end` lies."""
