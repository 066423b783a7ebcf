"""The table of the ledger: partitioned by id, append-only for the application."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text, Uuid

from rtp.db.base import instant, metadata, user_column, uuid_key
from rtp.ledger.policy import CHART

_CODES = ", ".join(f"'{account.code}'" for account in CHART)

ledger = Table(
    "ledger",
    metadata,
    uuid_key(),
    Column("transaction_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Uuid, nullable=False),
    Column(
        "account", Text, CheckConstraint(f"split_part(account, ':', 1) IN ({_CODES})", name="account"), nullable=False
    ),
    Column("amount", BigInteger, CheckConstraint("amount <> 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    user_column(),
    instant("at"),
    Index("ix_ledger_transaction_id", "transaction_id"),
    Index("ix_ledger_source_id", "source", "id"),
    Index("ix_ledger_account_id", "account", "id"),
    Index("ix_ledger_user_id_id", "user_id", "id"),
    postgresql_partition_by="RANGE (id)",
)
