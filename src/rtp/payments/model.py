"""Tables of payments."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Table, Text, Uuid, text

from rtp.db.base import instant, metadata, user_column, uuid_key, version_column

payment_methods = Table(
    "payment_methods",
    metadata,
    uuid_key(),
    user_column(),
    Column("provider", Text, nullable=False),
    Column("card", Text, nullable=False),
    Column("provider_ref", Text),
    Column("brand", Text, nullable=False, server_default=""),
    Column("last_four", Text, nullable=False, server_default=""),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('pending', 'active', 'failed', 'removed')", name="state"),
        nullable=False,
    ),
    Column("failure_reason", Text, nullable=False, server_default=""),
    version_column(),
    instant("created_at"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    Index("ix_payment_methods_user_id_id", "user_id", "id"),
)

payments = Table(
    "payments",
    metadata,
    uuid_key(),
    user_column(),
    Column("method_id", Uuid, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("captured", BigInteger, nullable=False, server_default="0"),
    Column("refunds_held", BigInteger, nullable=False, server_default="0"),
    Column(
        "disputes_lost",
        BigInteger,
        CheckConstraint("disputes_lost >= 0", name="disputes_lost"),
        nullable=False,
        server_default="0",
    ),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('created', 'submitted', 'unknown', 'succeeded', 'failed')", name="state"),
        nullable=False,
    ),
    Column("purpose", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_ref", Text),
    Column("failure_reason", Text, nullable=False, server_default=""),
    version_column(),
    instant("created_at"),
    instant("settled_at", nullable=True),
    CheckConstraint("captured BETWEEN 0 AND amount", name="captured"),
    CheckConstraint("refunds_held BETWEEN 0 AND captured", name="refund_cap"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    ForeignKeyConstraint(["method_id"], ["payment_methods.id"]),
    Index("ix_payments_user_id_id", "user_id", "id"),
    Index("ix_payments_state_id", "state", "id"),
    Index("ix_payments_source_id", "source", "id"),
    Index("ix_payments_provider_ref", "provider_ref"),
    Index("ix_payments_failed", "failure_reason", "provider", postgresql_where=text("state = 'failed'")),
)
