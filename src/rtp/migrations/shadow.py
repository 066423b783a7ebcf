"""A copy of the schema without its rows, in the same server, for as long as a plan is being made.

It is copied with pg_dump under the owner's role, which needs CREATEDB; rows never leave the database.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rtp.errors import RtpError
from rtp.runtime.pg_binaries import wheel_folder

PREFIX = "rtp_shadow_"
STALE_SECONDS = 3600
DUMP_SECONDS = 120
_META = re.compile(r"^\\(?:un)?restrict .*$", re.MULTILINE)
_LEFT = "SELECT datname FROM pg_database WHERE datname LIKE 'rtp\\_shadow\\_%'"


class ShadowUnavailable(RtpError):
    """The schema cannot be copied: {why}."""

    status = 503


@contextmanager
def copied(owner_url: str) -> Iterator[str]:
    """Make a copy, yield its address, and drop it.

    Raises: ShadowUnavailable, saying why.
    """
    plain = urlunsplit(urlsplit(owner_url)._replace(scheme="postgresql"))
    schema = _dump(plain)
    name = f"{PREFIX}{int(time.time())}_{secrets.token_hex(4)}"
    with psycopg.connect(plain, autocommit=True) as connection:
        _drop_stale(connection)
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.Error as error:
            raise ShadowUnavailable(why=_first_line(error)) from error
        address = make_conninfo(plain, dbname=name)
        try:
            _load(address, schema)
            yield address
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _dump(owner_url: str) -> str:
    given: dict[str, Any] = dict(conninfo_to_dict(owner_url))
    password = given.pop("password", "")
    words = [
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        "--no-publications",
        "--no-subscriptions",
    ]
    try:
        answer = subprocess.run(
            [wheel_folder() / "pg_dump", *words, "--dbname", make_conninfo(**given)],
            capture_output=True,
            text=True,
            timeout=DUMP_SECONDS,
            env={**os.environ, "PGPASSWORD": str(password), "PGOPTIONS": "-c lock_timeout=2s"},
        )
    except (OSError, RtpError, subprocess.TimeoutExpired) as error:
        raise ShadowUnavailable(why=f"pg_dump: {error}") from error
    if answer.returncode != 0:
        raise ShadowUnavailable(why=answer.stderr.strip().split("\n")[0] or f"pg_dump: exit {answer.returncode}")
    return _META.sub("", answer.stdout)  # commands of psql that guard its restores


def _load(address: str, schema: str) -> None:
    try:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(schema.encode())
    except psycopg.Error as error:
        raise ShadowUnavailable(why=f"the copy refuses its own schema: {_first_line(error)}") from error


def _drop_stale(connection: psycopg.Connection[tuple[str]]) -> None:
    """Drop what a killed process left; a copy lives for seconds."""
    for (name,) in connection.execute(_LEFT).fetchall():
        made = name.removeprefix(PREFIX).partition("_")[0]
        if made.isdigit() and int(made) < time.time() - STALE_SECONDS:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
