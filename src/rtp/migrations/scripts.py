"""The migrations as files, their order, and the statements that each comes to."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from rtp.db.statements import split
from rtp.migrations.errors import UnknownRevision
from rtp.migrations.schemas import Migration

if TYPE_CHECKING:
    from alembic.config import Config

_BOOKKEEPING = re.compile(r"(CREATE TABLE|INSERT INTO|UPDATE) alembic_version\b|SET lock_timeout\b")
_BEGIN = re.compile(r"^(BEGIN|START TRANSACTION)\b", re.IGNORECASE)
_END = re.compile(r"^(COMMIT|END|ROLLBACK)\b(?! PREPARED)", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One statement of a migration or file; `transaction` is false where it runs outside of one.

    `bookkeeping` is Alembic's own, or a setting around a statement; a plan runs it on its copy and does not show it.
    """

    source: str
    sql: str
    transaction: bool
    bookkeeping: bool = False


@dataclass(frozen=True)
class Scripts:
    """rtp's own migrations, and those of further folders that continue them."""

    folders: tuple[Path, ...] = ()

    def all(self) -> list[Migration]:
        """Every migration, oldest first."""
        from alembic.script import ScriptDirectory  # noqa: PLC0415 - 200 ms that most processes never need

        directory = ScriptDirectory.from_config(self.config())
        walked = directory.walk_revisions("base", "heads")
        return [Migration(revision=found.revision, name=_title(found.doc)) for found in reversed(list(walked))]

    def pending(self, current: str | None, target: str = "head") -> list[Migration]:
        """The migrations after `current` up to and with `target`; empty when `target` is reached or passed.

        Raises: UnknownRevision.
        """
        every = self.all()
        names = [migration.revision for migration in every]
        wanted = names[-1] if target == "head" else target
        if wanted not in names:
            raise UnknownRevision(revision=target, known=", ".join(names))
        first = names.index(current) + 1 if current is not None else 0
        return every[first : names.index(wanted) + 1]

    def statements(self, migration: Migration, before: str | None, app_role: str) -> list[Statement]:
        """What a migration runs, in order."""
        from alembic import command  # noqa: PLC0415 - 200 ms that most processes never need

        output = io.StringIO()
        made = self.config(None, app_role=app_role, output=output)
        command.upgrade(made, f"{before or 'base'}:{migration.revision}", sql=True)
        found = of_sql(output.getvalue(), migration.revision)
        return [replace(one, bookkeeping=_BOOKKEEPING.match(one.sql) is not None) for one in found]

    def upgrade(self, connection: Connection, target: str, app_role: str, **attributes: Any) -> None:
        """Run Alembic up to `target` on this connection."""
        from alembic import command  # noqa: PLC0415 - 200 ms that most processes never need

        command.upgrade(self.config(connection, app_role=app_role, **attributes), target)

    def config(
        self, connection: Connection | None = None, *, app_role: str = "rtp_app", output: Any = None, **attributes: Any
    ) -> Config:
        """Alembic's configuration, without a file."""
        from alembic.config import Config  # noqa: PLC0415 - 200 ms that most processes never need

        made = Config(output_buffer=output) if output is not None else Config()
        place = resources.files("rtp.db.migrations")
        made.set_main_option("script_location", str(place))
        made.set_main_option("path_separator", "newline")
        made.set_main_option("version_locations", "\n".join([str(place / "versions"), *map(str, self.folders)]))
        made.attributes.update({"connection": connection, "app_role": app_role} | attributes)
        return made


PACKAGED = Scripts()


def of_sql(sql: str, source: str) -> list[Statement]:
    """The statements of a script, without its own BEGIN and COMMIT."""
    return [
        Statement(source, statement, not outside(statement))
        for statement in split(sql)
        if not (_BEGIN.match(statement) or _END.match(statement))
    ]


_OUTSIDE = re.compile(
    r"""^(
    (CREATE\s+(UNIQUE\s+)?|DROP\s+)INDEX\s+CONCURRENTLY\b | REINDEX\b.*\bCONCURRENTLY\b
    | ALTER\s+TABLE\b.*\bDETACH\s+PARTITION\b.*\bCONCURRENTLY\b | VACUUM\b | (CREATE|DROP)\s+(DATABASE|TABLESPACE)\b
    | ALTER\s+SYSTEM\b | REINDEX\s+(\([^)]*\)\s*)?(DATABASE|SYSTEM|SCHEMA)\b
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def outside(sql: str) -> bool:
    """Whether PostgreSQL refuses this statement inside a transaction."""
    return _OUTSIDE.match(sql) is not None


def _title(doc: str | None) -> str:
    return (doc or "").strip().split("\n")[0].rstrip(".")
