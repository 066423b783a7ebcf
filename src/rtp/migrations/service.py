"""Use cases of migrations: bringing an empty database up, and saying where one is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from rtp.db import partitions
from rtp.db.engine import url_of
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.migrations import applying, repository, schema
from rtp.migrations.schema import SchemaState
from rtp.migrations.schemas import AppliedMigration, Migration, MigrationStatus
from rtp.migrations.scripts import PACKAGED, Scripts
from rtp.operations import Page

FIRST = "first start"
"""Who creates the schema of an empty database."""
WAIT = 60.0


def prepare(owner_url: str, app_role: str = "rtp_app") -> SchemaState:
    """Create the schema in an empty database and the partitions that the next months need; an older schema is left.

    The creation is one transaction, so a killed one leaves an empty database. Returns the state after it.
    """
    engine = create_engine(url_of(owner_url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            found = schema.read(connection)
            connection.rollback()
            if found.state == "empty":
                create(connection, app_role=app_role)
                found = schema.read(connection)
            if found.state == "current":
                partitions.ensure(connection)
                connection.commit()
            return found
    finally:
        engine.dispose()


def create(connection: Connection, *, app_role: str, target: str = "head", scripts: Scripts = PACKAGED) -> None:
    """Apply every migration up to `target` to an empty database in one transaction."""
    with applying.held(connection, WAIT):
        if schema.version(connection) is not None:
            return  # another process was first
        connection.rollback()
        began: list[datetime] = []
        names = {migration.revision: migration for migration in scripts.all()}

        def finish(ctx: Any, step: Any, **_: Any) -> None:
            entry = repository.begin(ctx.connection, names[step.up_revision_id], FIRST, began=began.pop())
            repository.finish(ctx.connection, entry)
            began.append(repository.clock(ctx.connection))

        with connection.begin():
            repository.ensure(connection)
            began.append(repository.clock(connection))
            scripts.upgrade(connection, target, app_role, on_version_apply=finish, creating=True)
            repository.protect(connection, app_role)


async def state(connection: AsyncConnection) -> SchemaState:
    """Which version the connected database has, and what that is to us."""
    return await schema.state(connection)


async def status(connection: AsyncConnection) -> MigrationStatus:
    """Where the database is, and what to do about it."""
    return await connection.run_sync(read_status)


def read_status(connection: Connection) -> MigrationStatus:
    """The same over a synchronous connection."""
    found = schema.read(connection)
    pending: list[Migration] = [] if found.state == "ahead" else PACKAGED.pending(schema.version(connection))
    return MigrationStatus(
        state=found.state,
        current=found.current,
        wanted=found.wanted,
        running=repository.running(connection),
        pending=pending,
        unfinished=repository.unfinished(connection),
        invalid_indexes=repository.invalid_indexes(connection),
        hint=schema.SchemaTooNew.hint if found.state == "ahead" else found.fix,
    )


async def history(frame: Frame, page: PageRequest) -> Page[AppliedMigration]:
    """One page of the ledger."""
    return await repository.page(frame, page)
