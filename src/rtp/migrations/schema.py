"""Which version a database has, and which this version of rtp wants."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

from msgspec import Struct
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rtp.errors import ExitCode, RtpError

_EXISTS = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_VERSION = text("SELECT version_num FROM alembic_version")


class SchemaState(Struct, frozen=True):
    """`empty`: no table of ours; `behind`: older; `ahead`: newer than this version of rtp knows."""

    state: Literal["empty", "behind", "current", "ahead"]
    current: str
    wanted: str


class SchemaOutdated(RtpError):
    """The database is at {current}, and this version of rtp needs {wanted}."""

    status = 503
    exit_code = ExitCode.CONFLICT
    hint = "rtp db migrate"
    still = "Nothing was changed."


class SchemaTooNew(RtpError):
    """The database is at {current}, which this version of rtp (up to {wanted}) does not know."""

    status = 503
    exit_code = ExitCode.CONFLICT
    hint = "install the version of rtp that migrated it, or a newer one"
    still = "Nothing was changed."


@cache
def known() -> tuple[str, ...]:
    """The migrations in this version of rtp, oldest first."""
    folder = resources.files("rtp.db.migrations") / "versions"
    return tuple(sorted(item.name.split("_")[0] for item in folder.iterdir() if item.name[:4].isdigit() and item.name.endswith(".py")))


def compare(current: str | None) -> SchemaState:
    """What a database at this version is to us."""
    wanted = known()[-1]
    if current is None:
        return SchemaState("empty", "nothing", wanted)
    if current == wanted:
        return SchemaState("current", current, wanted)
    return SchemaState("behind" if current in known() else "ahead", current, wanted)


def read(connection: Connection) -> SchemaState:
    """The state of the connected database, over a synchronous connection."""
    exists = connection.execute(_EXISTS).scalar_one()
    return compare(connection.execute(_VERSION).scalar() if exists else None)


async def state(connection: AsyncConnection) -> SchemaState:
    """The state of the connected database."""
    return await connection.run_sync(read)
