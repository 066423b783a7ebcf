"""A database of one's own at any version, and migrations that continue rtp's."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from rtp.migrations import schema
from rtp.migrations.applying import Applying, apply
from rtp.migrations.schemas import ApplyMigrations, ApplyResult
from rtp.migrations.scripts import Scripts
from rtp.testing.keeper import Services
from rtp.testing.servers import Cloned, with_database

_numbers = itertools.count(1)
Write = Callable[..., Scripts]
Run = Callable[..., ApplyResult]

HEAD = '''"""{title}."""

from rtp.db.statements import run, run_outside

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    {call}({sql!r})
'''


@pytest.fixture
def empty(services: Services) -> Iterator[Cloned]:
    """A database with nothing in it, owned by rtp_owner."""
    name = f"rtp_empty_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(services.owner_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield Cloned(name, with_database(services.owner_url, name), with_database(services.app_url, name))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def continued(tmp_path: Path) -> Write:
    """Writes migrations after rtp's newest: `continued("SQL", …)`; CONCURRENTLY means outside a transaction."""
    folder = tmp_path / "versions"

    def write(*scripts: str) -> Scripts:
        folder.mkdir(exist_ok=True)
        before = schema.known()[-1]
        for number, script in enumerate(scripts, 1):
            revision = f"90{number:02}"
            call = "run_outside" if "CONCURRENTLY" in script else "run"
            text = HEAD.format(title=f"Number {number}", revision=revision, before=before, call=call, sql=script)
            (folder / f"{revision}_number.py").write_text(text)
            before = revision
        return Scripts((folder,))

    return write


@pytest.fixture
def applying() -> Run:
    """Applies migrations to a database: `applying(database, scripts, target="0003")`."""

    def run(database: Cloned, scripts: Scripts, **asked: object) -> ApplyResult:
        options = ApplyMigrations(**asked)  # type: ignore[arg-type]
        return apply(Applying(database.owner_url, "rtp_app", "a test", options, scripts))

    return run
