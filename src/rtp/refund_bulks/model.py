"""The tables of bulk refunds: one row a file, one row a row of it."""

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
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata, uuid_key, version_column

STATES = "'draft', 'planned', 'applying', 'succeeded', 'partly', 'failed', 'canceled'"

refund_bulks = Table(
    "refund_bulks",
    metadata,
    uuid_key(),
    Column("state", Text, CheckConstraint(f"state IN ({STATES})", name="state"), nullable=False),
    Column("file", Text, nullable=False),
    Column("batches", Integer, nullable=False, server_default="0"),
    Column("rows", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("totals", JSONB, nullable=False, server_default=text("'[]'")),
    Column("max_count", Integer),
    Column("max_totals", JSONB, nullable=False, server_default=text("'[]'")),
    Column("digest", Text, nullable=False, server_default=""),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("canceled", Integer, nullable=False, server_default="0"),
    Column("waiting", Integer, nullable=False, server_default="0"),
    Column("moved", JSONB, nullable=False, server_default=text("'[]'")),
    Column("canceling", Boolean, nullable=False, server_default="false"),
    Column("error", Text, nullable=False, server_default=""),
    Column("saga_id", Uuid),
    Column("created_by", Text, nullable=False),
    Column("applied_by", Text, nullable=False, server_default=""),
    version_column(),
    instant("created_at"),
    instant("planned_at", nullable=True),
    instant("expires_at", nullable=True),
    instant("applied_at", nullable=True),
    instant("ended_at", nullable=True),
    ForeignKeyConstraint(["saga_id"], ["sagas.id"]),
    CheckConstraint("saga_id IS NOT NULL OR state IN ('draft', 'planned', 'canceled')", name="applied"),
    Index("ix_refund_bulks_state_id", "state", "id"),
    Index("ix_refund_bulks_digest", "digest"),
)

refund_bulk_rows = Table(
    "refund_bulk_rows",
    metadata,
    uuid_key(),
    Column("bulk_id", Uuid, nullable=False),
    Column("row", Integer, nullable=False),
    Column("payment", Text, nullable=False),
    Column("payment_id", Uuid),
    Column("user_id", BigInteger, CheckConstraint("user_id >= 0", name="user_id")),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount")),
    Column("currency", Text, nullable=False, server_default=""),
    Column("payment_version", Integer),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("ticket", Text, nullable=False, server_default=""),
    Column("key", Text),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('planned', 'refused', 'issued', 'failed', 'canceled')", name="state"),
        nullable=False,
    ),
    Column("code", Text, nullable=False, server_default=""),
    Column("message", Text, nullable=False, server_default=""),
    Column("refund_id", Uuid),
    ForeignKeyConstraint(["bulk_id"], ["refund_bulks.id"], ondelete="CASCADE"),
    UniqueConstraint("bulk_id", "row", name="uq_refund_bulk_rows_bulk_id_row"),
    UniqueConstraint("refund_id", name="uq_refund_bulk_rows_refund_id"),
    CheckConstraint("(refund_id IS NOT NULL) = (state = 'issued')", name="issued"),
    CheckConstraint("state = 'refused' OR (payment_id IS NOT NULL AND amount IS NOT NULL)", name="checked"),
    Index("ix_refund_bulk_rows_bulk_id_payment_id", "bulk_id", "payment_id"),
    Index("ix_refund_bulk_rows_bulk_id_state_row", "bulk_id", "state", "row"),
    Index("ix_refund_bulk_rows_key", "key", postgresql_where=text("key IS NOT NULL")),
    Index(
        "uq_refund_bulk_rows_bulk_id_key",
        "bulk_id",
        "key",
        unique=True,
        postgresql_where=text("key IS NOT NULL AND state <> 'refused'"),
    ),
)
"""`state` is what rtp decided; what becomes of an issued row is its refund's own state."""
