"""Settings of plugins, and cursors of consumers that went with their plugin."""

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
ALTER TABLE relay_cursors ADD COLUMN retired_at timestamptz;
"""


def upgrade() -> None:
    """Create the one table that plugins keep their settings in; let a cursor be retired."""
    run(TABLES)
    grant("plugin_settings")
