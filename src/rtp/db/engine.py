"""The engine: one pool for a process; reads run in autocommit, writes in a frame's transaction."""

from __future__ import annotations

from types import TracebackType

import msgspec
from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from rtp.db.connections import Connections, Kind
from rtp.errors import ExitCode, RtpError, Unavailable

LOCK_NOT_AVAILABLE, DEADLOCK, SERIALIZATION = "55P03", "40P01", "40001"
DISK_FULL = "53100"
QUERY_CANCELED, UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION = "57014", "23505", "23503"


class DatabaseBusy(RtpError):
    """Another transaction holds what this one needs ({state})."""

    status = 503
    exit_code = ExitCode.CONFLICT
    retryable = True
    still = "Nothing was changed."


class DatabaseRefused(RtpError):
    """The database refuses this, because it would break its rule {rule}."""

    status = 409
    exit_code = ExitCode.CONFLICT
    still = "Nothing was changed."
    hint = "rtp doctor"


class DatabaseFull(RtpError):
    """The database's disk is full."""

    status = 503
    exit_code = ExitCode.UNREACHABLE
    retryable = True
    still = "Nothing was changed."
    hint = "rtp doctor"


def url_of(text: str) -> URL:
    """A PostgreSQL URL with the driver that we use."""
    return make_url(text).set(drivername="postgresql+psycopg")


class Database:
    """Connections of one process to one database."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url_of(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_use_lifo=True,
            json_serializer=lambda value: msgspec.json.encode(value, enc_hook=str).decode(),
            json_deserializer=msgspec.json.decode,
            connect_args={"connect_timeout": 5, "application_name": "rtp"},
        )
        self._connections = Connections(self.engine, pool_size)

    def reading(self) -> Lent:
        """A connection in autocommit: each statement sees the newest committed state."""
        return Lent(self._connections, "autocommit")

    def writing(self) -> Lent:
        """A connection in a transaction that the caller commits; leaving without it rolls back."""
        return Lent(self._connections, "transaction")

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()
        await self.engine.dispose()


class Lent:
    """A connection while it is used; on it the driver's failures become errors of ours."""

    def __init__(self, connections: Connections, kind: Kind) -> None:
        self._connections = connections
        self._kind: Kind = kind

    async def __aenter__(self) -> AsyncConnection:
        with translated():
            self._connection = await self._connections.take(self._kind)
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with translated():
            await self._connections.give_back(self._kind, self._connection, failed=error is not None)
        translated().__exit__(kind, error, trace)


class translated:  # noqa: N801 - a context manager that reads as a verb
    """Turns the driver's failures that an operator can act on into errors of ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, DBAPIError):
            state = sqlstate(error)
            if state in {LOCK_NOT_AVAILABLE, DEADLOCK, SERIALIZATION, QUERY_CANCELED}:
                raise DatabaseBusy(state=state) from error
            if state == DISK_FULL:
                raise DatabaseFull() from error
            if error.connection_invalidated or (isinstance(error, (OperationalError, InterfaceError)) and _lost(state)):
                raise Unavailable(what="The database") from error


def sqlstate(error: DBAPIError) -> str | None:
    """The SQLSTATE of a driver error, if the server sent one."""
    return getattr(error.orig, "sqlstate", None)


def _lost(state: str | None) -> bool:
    return state is None or state.startswith(("08", "57P", "53"))
