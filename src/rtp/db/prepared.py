"""Statements that are written once: SQLAlchemy compiles them on first use, and from then on the driver runs them alone.

What is asked for in every request costs a process several times as much when it is built, compiled and taken apart anew
each time. The connection, its transaction and its errors stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Executable, text
from sqlalchemy.dialects.postgresql import psycopg as dialects
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ClauseElement

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_DIALECT: Any = dialects.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_ALIVE = text("SELECT 1")


class Prepared:
    """A statement whose values come with each run, by the names of its bind parameters; it binds no JSON."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._maker: Any = None

    @cached_property
    def _compiled(self) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        assert isinstance(self._statement, ClauseElement)
        compiled: Any = self._statement.compile(dialect=_DIALECT)
        return str(compiled), tuple(compiled.positiontup or ()), dict(compiled.params)

    @property
    def sql(self) -> str:
        """The SQL with $1, $2 … for its values."""
        return self._compiled[0]

    def rows(self, cursor: Any) -> Any:
        """The driver's row factory: names its columns once, for they are the same each time."""
        if self._maker is None and cursor.pgresult is not None and cursor.pgresult.nfields:
            self._maker = namedtuple_row(cursor)
        return self._maker or namedtuple_row(cursor)  # before the first result nothing has a name yet

    def bound(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the places that the SQL has for them; those that the statement has of its own stay."""
        _, places, own = self._compiled
        return [values[name] if name in values else own[name] for name in places]


class Driver:
    """The driver's connection below SQLAlchemy's, in the same transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._above = connection
        assert connection.sync_connection is not None
        self._connection: Any = connection.sync_connection.connection.driver_connection

    async def run(self, statement: Prepared, values: Mapping[str, Any]) -> Sequence[Any]:
        """The rows of a statement.

        Raises: DBAPIError and its kin, as SQLAlchemy does.
        """
        cursor: Any = psycopg.AsyncRawCursor(self._connection, row_factory=statement.rows)
        try:
            await cursor.execute(statement.sql, statement.bound(values))
            result = cursor.pgresult
            return await cursor.fetchall() if result is not None and result.nfields else ()
        except psycopg.Error as error:
            await self._fail(error, statement.sql)

    async def commit(self) -> None:
        """End the transaction, whoever began it."""
        if self._above.in_transaction():
            await self._above.commit()
            return
        try:
            await self._connection.commit()
        except psycopg.Error as error:
            await self._fail(error)

    async def _fail(self, error: psycopg.Error, sql: str = "COMMIT") -> NoReturn:
        if self._connection.broken or self._connection.closed:
            await self._above.execute(_ALIVE)  # fails, and tells the pool that this connection is gone
        raise DBAPIError.instance(sql, None, error, psycopg.Error) from error
