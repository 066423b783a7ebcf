"""Tables of refunds: their lines, the versions of the policy, and running sums per person and member."""

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
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata, user_column, uuid_key, version_column

STATES = (
    "'waiting', 'created', 'submitted', 'pending', 'unknown', 'succeeded', 'failed', 'canceled', 'rejected', 'expired'"
)
REASONS = "'duplicate', 'requested_by_customer', 'fraudulent', 'service_not_provided', 'goodwill', 'other'"
LET_GO = text("state <> ALL (ARRAY['failed', 'canceled', 'rejected', 'expired'])")

refunds = Table(
    "refunds",
    metadata,
    uuid_key(),
    user_column(),
    Column("payment_id", Uuid, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, CheckConstraint(f"state IN ({STATES})", name="state"), nullable=False),
    Column("reason", Text, CheckConstraint(f"reason IN ({REASONS})", name="reason"), nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("provider_ref", Text),
    Column("failure_reason", Text, nullable=False, server_default=""),
    version_column(),
    instant("created_at"),
    instant("settled_at", nullable=True),
    Column("tax", BigInteger, nullable=False, server_default="0"),
    Column("note", Text, nullable=False, server_default=""),
    Column("ticket", Text, nullable=False, server_default=""),
    Column("approval_needed", Boolean, nullable=False, server_default=text("false")),
    Column("approved_by", Text),
    instant("decided_at", nullable=True),
    instant("expires_at", nullable=True),
    Column("retry_of", Uuid),
    Column(
        "cancel_subscription",
        Text,
        CheckConstraint("cancel_subscription IN ('no', 'now', 'period_end')", name="cancel_subscription"),
        nullable=False,
        server_default="no",
    ),
    Column("revoke_access", Boolean, nullable=False, server_default=text("false")),
    Column("policy_version", Integer, nullable=False, server_default="0"),
    Column("provider_key", Text),
    Column("held_because", Text, nullable=False, server_default=""),
    CheckConstraint("tax BETWEEN 0 AND amount", name="tax"),
    CheckConstraint("approved_by <> issued_by", name="second_person"),
    CheckConstraint(
        "NOT approval_needed OR approved_by IS NOT NULL OR state IN ('waiting', 'rejected', 'expired')", name="approved"
    ),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    ForeignKeyConstraint(["payment_id"], ["payments.id"]),
    ForeignKeyConstraint(["retry_of"], ["refunds.id"]),
    Index("ix_refunds_payment_id_id", "payment_id", "id"),
    Index("ix_refunds_user_id_id", "user_id", "id"),
    Index("ix_refunds_state_id", "state", "id"),
    Index("ix_refunds_provider_ref", "provider_ref"),
    Index("ix_refunds_issued_by_created_at", "issued_by", "created_at"),
    Index("uq_refunds_provider_key", "provider_key", unique=True, postgresql_where=text("provider_key IS NOT NULL")),
    Index("uq_refunds_retry_of", "retry_of", unique=True, postgresql_where=LET_GO),
)

refund_lines = Table(
    "refund_lines",
    metadata,
    uuid_key(),
    user_column(),
    Column("refund_id", Uuid, nullable=False),
    Column("payment_line_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("quantity", Integer, CheckConstraint("quantity >= 0", name="quantity"), nullable=False),
    Column("net", BigInteger, CheckConstraint("net >= 0", name="net"), nullable=False),
    Column("tax", BigInteger, CheckConstraint("tax >= 0", name="tax"), nullable=False),
    CheckConstraint("net + tax > 0", name="amount"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    ForeignKeyConstraint(["refund_id"], ["refunds.id"]),
    ForeignKeyConstraint(["payment_line_id"], ["payment_lines.id"]),
    Index("uq_refund_lines_refund_id_position", "refund_id", "position", unique=True),
    Index("ix_refund_lines_user_id_id", "user_id", "id"),
)

refund_policies = Table(
    "refund_policies",
    metadata,
    uuid_key(),
    Column("version", Integer, nullable=False),
    Column("document", JSONB, nullable=False),
    Column("applied_by", Text, nullable=False),
    instant("created_at"),
    Index("uq_refund_policies_version", "version", unique=True),
)
"""Every policy that was ever applied; the newest holds. Global: it belongs to no user."""

refund_desks = Table(
    "refund_desks",
    metadata,
    Column("holder", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("day", BigInteger, nullable=False, server_default="0"),
    Column("week", BigInteger, nullable=False, server_default="0"),
    Column("month", BigInteger, nullable=False, server_default="0"),
    Column("day_limit", BigInteger),
    Column("week_limit", BigInteger),
    Column("month_limit", BigInteger),
    CheckConstraint("day <= day_limit", name="day"),
    CheckConstraint("week <= week_limit", name="week"),
    CheckConstraint("month <= month_limit", name="month"),
)
"""Rolling sums of one who issues, or of one member, as the last refund left them: its row is what refunds queue for."""
