"""The table of plugins' settings: one row per plugin."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from rtp.db.base import instant, metadata, version_column

plugin_settings = Table(
    "plugin_settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JSONB, nullable=False),
    version_column(),
    instant("updated_at"),
)
"""What a plugin keeps for itself, under its distribution's name."""
