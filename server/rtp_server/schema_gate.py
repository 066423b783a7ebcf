"""Keeps requests away from a schema that this version does not know; asks the database only until it is current."""

from __future__ import annotations

import time
from typing import Any

import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from rtp.db.engine import Database
from rtp.errors import RtpError
from rtp.migrations import schema
from rtp.migrations.schema import SchemaState, SchemaTooNew

SECONDS = 0.5
"""How long an answer other than `current` is believed."""
_OPEN = frozenset({"doctor.show", "plans.show", "plans.apply"})
"""Work on any schema; an applied plan is looked at again when it is known what it does."""
log = structlog.get_logger("rtp.api")


class SchemaGate:
    """What one process knows of its database's schema."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._current = False
        self._asked = float("-inf")
        self._found: SchemaState | None = None

    async def require(self) -> None:
        """Refuse unless the schema is current; once it was, it is not asked for again.

        Raises: SchemaOutdated, SchemaTooNew, Unavailable.
        """
        if self._current:
            return
        if self._found is None or time.monotonic() - self._asked > SECONDS:
            async with self.database.reading() as connection:
                self._found = await schema.state(connection)
            self._asked = time.monotonic()
        schema.require(self._found)
        self._current = True

    def forget(self) -> None:
        """Believe the last refusal no longer: this process has migrated since. A schema that was current stays so."""
        self._found = None

    async def refuse_newer(self) -> None:
        """Refuse to start on a schema that only a newer version knows; a database that is away is no reason.

        Raises: SchemaTooNew.
        """
        try:
            await self.require()
        except SchemaTooNew as error:
            log.error("not started", why=error.message, hint=error.hint)
            raise
        except RtpError as error:
            log.warning("started, not ready", why=error.message, hint=error.problem().hint)


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Litestar's guard of every route under /v1.

    Raises: SchemaOutdated.
    """
    operation = str(getattr(handler, "operation_id", "") or "")
    if operation in _OPEN or operation.startswith("migrations."):
        return
    if connection.scope["state"].get("principal") is None:
        return  # refused by the route as not logged in, which says less of us
    await connection.app.state.rtp.gate.require()
