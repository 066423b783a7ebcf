"""The table of breakers; global, one row for each process and peer, kept by the process itself."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata, one_of, uuid_key, version_column

breakers = Table(
    "breakers",
    metadata,
    uuid_key(),
    Column("name", Text, nullable=False),
    Column("process", Text, nullable=False),
    one_of("circuit", "closed", "open", "half_open"),
    Column("fires", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("calls", JSONB, nullable=False),
    Column("resets_asked", Integer, nullable=False, server_default="0"),
    Column("resets_done", Integer, nullable=False, server_default="0"),
    version_column(),
    instant("since"),
    instant("half_open_at", nullable=True),
    instant("seen_at", now=True),
    UniqueConstraint("name", "process"),
)
"""`fires` and `failures` are those of the window, `calls` all since the process began, by outcome."""
