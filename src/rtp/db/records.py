"""Tables that the frame itself writes: events, audit, stored answers, plans, effects; and leases.

`events` and `audit` are range-partitioned by id (UUIDv7, so by time) and append-only for the application's role.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata

events = Table(
    "events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("xid", BigInteger, nullable=False, server_default=text("pg_current_xact_id()::text::bigint")),
    Column("seq", BigInteger, nullable=False, server_default=text("nextval('events_seq')")),
    Column("type", Text, nullable=False),
    Column("aggregate_type", Text, nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    instant("timestamp"),
    Column("payload", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Index("ix_events_xid_seq", "xid", "seq"),
    Index("ix_events_type_id", "type", "id"),
    Index("ix_events_aggregate_id_id", "aggregate_id", "id"),
    postgresql_partition_by="RANGE (id)",
)

audit = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    instant("at"),
    Column("actor", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("user_id", BigInteger),
    Column("reason", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("plan_id", Uuid),
    Column("changes", JSONB, nullable=False),
    Index("ix_audit_actor_id", "actor", "id"),
    Index("ix_audit_target_id", "target", "id"),
    Index("ix_audit_user_id_id", "user_id", "id"),
    postgresql_partition_by="RANGE (id)",
)

stored_answers = Table(
    "stored_answers",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    instant("created_at"),
)
"""Answers of finished writes by Idempotency-Key; kept as long as the money object."""

plans = Table(
    "plans",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("operation", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("request", JSONB, nullable=False),
    Column("fingerprint", Text, nullable=False),
    instant("pinned_at"),
    Column("seed", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("document", JSONB, nullable=False),
    instant("created_at", now=True),
    instant("expires_at"),
    instant("used_at", nullable=True),
)

effects = Table(
    "effects",
    metadata,
    Column("key", Text, primary_key=True),
    instant("created_at", now=True),
)
"""Once-only effects: a key can be taken by one transaction, ever."""

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    instant("expires_at"),
)
"""Who leads; read and renewed with the database's clock, the epoch grows when the holder changes."""

relay_cursors = Table(
    "relay_cursors",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("xid", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    instant("updated_at", now=True),
    instant("retired_at", nullable=True),
)
"""How far each consumer of events has come; one that nobody serves any more, as of a plugin, is retired."""
