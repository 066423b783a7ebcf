"""The table of requests: partitioned by id, append-only for the application."""

from __future__ import annotations

from sqlalchemy import Column, Double, SmallInteger, Table, Text

from rtp.db.base import instant, metadata, uuid_key

requests = Table(
    "requests",
    metadata,
    uuid_key(),
    instant("at"),
    Column("method", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("duration_ms", Double, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    postgresql_partition_by="RANGE (id)",
)
"""One row per request, as the access log has it; read by time, which the key gives."""
