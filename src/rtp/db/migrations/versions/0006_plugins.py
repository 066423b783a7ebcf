"""Settings of plugins."""

from __future__ import annotations

from rtp.db.statements import grant, run

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE plugin_settings (
    name text PRIMARY KEY,
    value jsonb NOT NULL,
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Create the one table that plugins keep their settings in."""
    run(TABLES)
    grant("plugin_settings")
