"""Tables of reconciliation, both global: they belong to no user."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata, one_of, uuid_key, version_column

runs = Table(
    "reconcile_runs",
    metadata,
    uuid_key(),
    Column("provider", Text, nullable=False),
    one_of("kind", "look", "mend"),
    instant("since"),
    instant("until"),
    Column("charges", Integer, nullable=False),
    Column("refunds", Integer, nullable=False),
    Column("disputes", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("left_open", Integer, nullable=False),
    Column("set_aside", Integer, nullable=False),
    Column("differences", JSONB, nullable=False),
    Column("started_by", Text, nullable=False),
    instant("created_at"),
    Index("ix_reconcile_runs_kind_id", "kind", "id"),
)

set_aside = Table(
    "reconcile_set_aside",
    metadata,
    uuid_key(),
    Column("provider", Text, nullable=False),
    one_of("noun", "charge", "refund", "dispute"),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("difference", JSONB, nullable=False),
    Column("set_aside_by", Text, nullable=False),
    instant("created_at"),
    instant("closed_at", nullable=True),
    Column("closed_by", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    version_column(),
    CheckConstraint("(closed_at IS NULL) = (closed_by = '')", name="closed"),
    UniqueConstraint("provider", "noun", "name", name="uq_reconcile_set_aside_provider_noun_name"),
)
"""Differences that a person has to see to: not found again while both sides stay as they were, closed or not."""
