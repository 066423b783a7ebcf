"""Which version a database has, and which this version of rtp wants."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

from msgspec import Struct
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rtp.errors import ExitCode, RtpError
from rtp.migrations import repository

_EXISTS = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_VERSION = text("SELECT version_num FROM alembic_version")


_FIXES = {"empty": "rtp db migrate", "behind": "rtp db migrate", "dirty": "rtp db apply --resume"}


class SchemaState(Struct, frozen=True):
    """`empty`: no table of ours; `behind`: older; `ahead`: newer than this version of rtp knows.

    `dirty`: a migration began and its process is gone; `fix` is the command that leads to `current`.
    """

    state: Literal["empty", "behind", "current", "ahead", "dirty"]
    current: str
    wanted: str

    @property
    def fix(self) -> str:
        """The command that leads to `current`, empty where there is none or nothing to do."""
        return _FIXES.get(self.state, "")


class SchemaOutdated(RtpError):
    """The database is {state} at {current}, and this version of rtp needs {wanted}."""

    status = 503
    exit_code = ExitCode.CONFLICT
    hint = "{fix}"
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
    names = [item.name for item in folder.iterdir() if item.name[:4].isdigit() and item.name.endswith(".py")]
    return tuple(sorted(name.split("_")[0] for name in names))


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
    found = compare(version(connection))
    if found.state != "ahead" and repository.unfinished(connection) and not repository.running(connection):
        return SchemaState("dirty", found.current, found.wanted)
    return found


def version(connection: Connection) -> str | None:
    """The newest applied migration, None where there is none."""
    exists = connection.execute(_EXISTS).scalar_one()
    return connection.execute(_VERSION).scalar() if exists else None


def require(found: SchemaState) -> None:
    """Refuse to work on any schema but the one this version of rtp knows.

    Raises: SchemaOutdated, SchemaTooNew.
    """
    if found.state == "ahead":
        raise SchemaTooNew(current=found.current, wanted=found.wanted)
    if found.state != "current":
        raise SchemaOutdated(state=found.state, current=found.current, wanted=found.wanted, fix=found.fix)


async def state(connection: AsyncConnection) -> SchemaState:
    """The state of the connected database."""
    return await connection.run_sync(read)
