"""The table of disputes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata, one_of, user_column, uuid_key, version_column

disputes = Table(
    "disputes",
    metadata,
    uuid_key(),
    user_column(),
    Column("payment_id", Uuid, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_ref", Text, nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("tax", BigInteger, nullable=False, server_default="0"),
    Column("fee", BigInteger, CheckConstraint("fee >= 0", name="fee"), nullable=False, server_default="0"),
    Column("reason", Text, nullable=False),
    one_of("state", "needs_response", "under_review", "won", "lost"),
    instant("due_by"),
    instant("opened_at"),
    instant("closed_at", nullable=True),
    one_of("answer", "none", "evidence", "accept", default="none"),
    one_of("answer_state", "none", "queued", "sent", "refused", default="none"),
    Column("answer_number", Integer, nullable=False, server_default="0"),
    Column("answer_error", Text, nullable=False, server_default=""),
    Column("answered_by", Text, nullable=False, server_default=""),
    instant("answered_at", nullable=True),
    Column("evidence", JSONB),
    version_column(),
    instant("created_at"),
    CheckConstraint("tax BETWEEN 0 AND amount", name="tax"),
    CheckConstraint("(closed_at IS NOT NULL) = (state IN ('won', 'lost'))", name="closed"),
    CheckConstraint("(answer = 'none') = (answer_state = 'none')", name="answered"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    ForeignKeyConstraint(["payment_id"], ["payments.id"]),
    UniqueConstraint("provider_ref", "provider", name="uq_disputes_provider_ref_provider"),
    Index("ix_disputes_user_id_id", "user_id", "id"),
    Index("ix_disputes_payment_id_id", "payment_id", "id"),
    Index("ix_disputes_state_due_by", "state", "due_by"),
)
"""`answer` is what was asked of the provider, `answer_number` makes its key; `tax` is what a lost one took with it."""
