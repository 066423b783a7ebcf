"""Bringing a database up: synchronous, over the owner's connection, safe twice at once."""

from __future__ import annotations

from importlib import resources

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from rtp.db import partitions
from rtp.db.engine import url_of
from rtp.migrations.schema import SchemaState, read

LOCK = 0x727470
"""Advisory lock that one migrating process holds."""


def prepare(owner_url: str, app_role: str = "rtp_app") -> SchemaState:
    """Create the schema in an empty database and the partitions that the next months need; an older schema is left.

    Returns the state after it.
    """
    engine = create_engine(url_of(owner_url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            found = read(connection)
            connection.rollback()
            if found.state == "empty":
                upgrade(connection, app_role=app_role)
                found = read(connection)
            if found.state == "current":
                partitions.ensure(connection)
                connection.commit()
            return found
    finally:
        engine.dispose()


def upgrade(connection: Connection, *, app_role: str, target: str = "head") -> None:
    """Apply migrations up to `target`, each in its own transaction; a second process waits for the first."""
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.commit()
    try:
        command.upgrade(config(connection, app_role), target)
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()


def config(connection: Connection | None, app_role: str) -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(resources.files("rtp.db.migrations")))
    made.attributes["connection"] = connection
    made.attributes["app_role"] = app_role
    return made
