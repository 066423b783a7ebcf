"""The ledger of migrations: one row per migration that was begun. It is made before the first migration."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Identity, Integer, Table, Text, func

from rtp.db.base import instant, metadata, one_of

schema_history = Table(
    "schema_history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("revision", Text, nullable=False),
    Column("name", Text, nullable=False),
    one_of("state", "started", "finished", "failed", "resumed"),
    Column("by", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    instant("finished_at", nullable=True),
)
"""`started` without an end means that the process that ran it is gone; `resumed`: taken up again by a later row."""
