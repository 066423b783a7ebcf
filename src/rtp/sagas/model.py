"""The tables of sagas: one row a saga, one row a step."""

from __future__ import annotations

from sqlalchemy import (
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

from rtp.db.base import instant, metadata, one_of, uuid_key, version_column

sagas = Table(
    "sagas",
    metadata,
    uuid_key(),
    Column("name", Text, nullable=False),
    Column("definition_version", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    one_of("state", "pending", "running", "compensating", "succeeded", "compensated", "stuck"),
    one_of("direction", "forward", "back"),
    Column("turn", Integer, nullable=False, server_default="1"),
    Column("cancelling", Boolean, nullable=False, server_default="false"),
    Column("page_after", Integer, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("created_by", Text, nullable=False),
    version_column(),
    instant("created_at"),
    instant("deadline_at"),
    instant("next_at"),
    instant("ended_at", nullable=True),
    CheckConstraint("(ended_at IS NOT NULL) = (state IN ('succeeded', 'compensated'))", name="ended"),
    Index("ix_sagas_state_id", "state", "id"),
    Index("ix_sagas_subject_id", "subject", "id"),
    Index("ix_sagas_next_at", "next_at", postgresql_where=text("ended_at IS NULL")),
)

saga_steps = Table(
    "saga_steps",
    metadata,
    uuid_key(),
    Column("saga_id", Uuid, nullable=False),
    Column("place", Integer, nullable=False),
    Column("name", Text, nullable=False),
    one_of("kind", "reversible", "pivot", "retryable"),
    one_of("state", "pending", "running", "done", "failed", "compensated"),
    Column("touched", Boolean, nullable=False, server_default="false"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("looks", Integer, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    instant("started_at", nullable=True),
    instant("ended_at", nullable=True),
    ForeignKeyConstraint(["saga_id"], ["sagas.id"]),
    UniqueConstraint("saga_id", "place", name="uq_saga_steps_saga_id_place"),
    UniqueConstraint("saga_id", "name", name="uq_saga_steps_saga_id_name"),
    CheckConstraint("state <> 'compensated' OR kind = 'reversible'", name="no_way_back"),
)
