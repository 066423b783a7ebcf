"""The table of refunds."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Table, Text, Uuid

from rtp.db.base import instant, metadata, user_column, uuid_key, version_column

refunds = Table(
    "refunds",
    metadata,
    uuid_key(),
    user_column(),
    Column("payment_id", Uuid, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint(
            "state IN ('created', 'submitted', 'pending', 'unknown', 'succeeded', 'failed', 'canceled')", name="state"
        ),
        nullable=False,
    ),
    Column("reason", Text, CheckConstraint("reason <> ''", name="reason"), nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("provider_ref", Text),
    Column("failure_reason", Text, nullable=False, server_default=""),
    version_column(),
    instant("created_at"),
    instant("settled_at", nullable=True),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    ForeignKeyConstraint(["payment_id"], ["payments.id"]),
    Index("ix_refunds_payment_id_id", "payment_id", "id"),
    Index("ix_refunds_user_id_id", "user_id", "id"),
    Index("ix_refunds_state_id", "state", "id"),
    Index("ix_refunds_provider_ref", "provider_ref"),
)
