"""Alembic's environment: runs on the connection it is given, each migration in its own transaction."""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
connection = attributes.get("connection")
if connection is None:
    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # others double every % in the SQL that is shown
        literal_binds=True,
        transaction_per_migration=True,
    )
    context.run_migrations()
else:
    context.configure(
        connection=connection,
        transaction_per_migration=True,
        on_version_apply=attributes.get("on_version_apply"),
    )
    with context.begin_transaction():
        context.run_migrations()
