"""The migrated database: what its roles may do, and that the models describe it."""

from __future__ import annotations

import importlib
from importlib import resources
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Engine, create_engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import NullPool

from rtp.db import partitions, records
from rtp.db.base import metadata
from rtp.db.engine import url_of
from rtp.db.statements import split
from rtp.migrations.scripts import PACKAGED
from rtp.migrations.service import prepare
from rtp.testing.servers import Cloned

APPEND_ONLY = ("audit", "events", "ledger")
OTHERS = ("procrastinate_", "alembic_version")
"""Tables that are not ours to describe."""
EXPRESSIONS = {"ix_users_search", "uq_staff_email"}
"""Indexes on expressions: Alembic compares their text, which PostgreSQL writes in its own way."""


def models() -> list[str]:
    """Import the model of every area, so that all tables are known."""
    areas = resources.files("rtp").iterdir()
    found = [f"rtp.{area.name}.model" for area in areas if area.is_dir() and (area / "model.py").is_file()]
    for name in found:
        importlib.import_module(name)
    return found


def is_compared(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    table = name if kind == "table" else thing.table.name
    if str(table).startswith(OTHERS) or name in EXPRESSIONS:
        return False
    return not any(str(table).startswith(f"{parent}_2") for parent in partitions.PARTITIONED)


@pytest.mark.filterwarnings("ignore:Expression #1 .* in index 'ix_users_search'")
def test_the_models_describe_exactly_what_the_migrations_make(database: Cloned) -> None:
    assert len(models()) >= 3
    assert records.audit.metadata is metadata
    engine = create_engine(url_of(database.owner_url), poolclass=NullPool)
    with engine.connect() as connection:
        options = {"include_object": is_compared, "compare_type": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    assert [repr(difference) for difference in differences] == []


def test_every_table_of_ours_has_a_model(database: Cloned) -> None:
    models()
    with psycopg.connect(database.owner_url) as connection:
        query = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        there = {name for (name,) in connection.execute(query + " AND NOT relispartition").fetchall()}
    assert {name for name in there if not name.startswith(OTHERS)} == set(metadata.tables)


def test_every_check_and_index_of_a_model_is_in_the_database_under_its_name(database: Cloned) -> None:
    """Alembic compares neither checks nor the conditions of partial indexes."""
    models()
    ours = [table for name, table in metadata.tables.items() if not name.startswith(OTHERS)]
    dialect: Any = postgresql.dialect
    named = dialect().identifier_preparer.format_constraint
    checks = {named(one) for table in ours for one in table.constraints if isinstance(one, CheckConstraint)}
    partial = {
        str(one.name)
        for table in ours
        for one in table.indexes
        if one.dialect_options["postgresql"]["where"] is not None
    }
    with psycopg.connect(database.owner_url) as connection:
        query = "SELECT conname, conrelid::regclass::text FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"
        there = {name for name, table in connection.execute(query).fetchall() if is_ours(table)}
        query = "SELECT indexrelid::regclass::text, indrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"
        conditional = {name for name, table in connection.execute(query).fetchall() if is_ours(table)}
    assert checks - there == set()
    assert conditional == partial


def is_ours(table: str) -> bool:
    return not table.startswith((*OTHERS, *(f"{parent}_2" for parent in partitions.PARTITIONED), "pg_"))


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_application_reads_and_adds_to_append_only_tables_and_nothing_else(database: Cloned, table: str) -> None:
    changes = (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table}")
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() is not None
        for change in (*changes, f"ALTER TABLE {table} ADD COLUMN more int", f"DROP TABLE {table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change)
        granted = "SELECT has_table_privilege(%s, 'INSERT')"
        assert connection.execute(granted, [table]).fetchone() == (True,)


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_a_partition_is_no_way_around_its_parent(database: Cloned, table: str) -> None:
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [table]
        ).fetchall()
        assert found
        for (partition,) in found:
            for change in (f"UPDATE {partition} SET id = id", f"DELETE FROM {partition}", f"TRUNCATE {partition}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(change)


@pytest.mark.parametrize("table", ["schema_history", "alembic_version"])
def test_the_application_cannot_pretend_a_migration(database: Cloned, table: str) -> None:
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        for privilege in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            row = connection.execute("SELECT has_table_privilege(%s, %s)", [table, privilege]).fetchone()
            assert row == (False,), privilege


def test_every_statement_outside_a_transaction_can_be_repeated() -> None:
    """A killed migration is run again as a whole, so what was already made must not stop it."""
    before: str | None = None
    for migration in PACKAGED.all():
        for one in PACKAGED.statements(migration, before, "rtp_app"):
            assert one.transaction or "EXISTS" in one.sql, one.sql
        before = migration.revision


def test_a_script_is_split_at_its_semicolons_only() -> None:
    sql = "SELECT ';' -- no; end\n; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $a$ SELECT 1; $a$; /* ; */ SELECT 2"
    assert len(split(sql)) == 3


def test_creating_the_schema_warns_of_nothing_and_the_application_may_call_what_the_queue_needs(empty: Cloned) -> None:
    said: list[str] = []

    def listen(connection: Any, _: Any) -> None:
        connection.add_notice_handler(lambda one: said.append(f"{one.severity}: {one.message_primary}"))

    event.listen(Engine, "connect", listen)
    try:
        prepare(empty.owner_url)
    finally:
        event.remove(Engine, "connect", listen)
    assert [line for line in said if line.startswith("WARNING")] == []
    with psycopg.connect(empty.owner_url) as connection:
        granted = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE proacl::text LIKE '%rtp_app=X%') FROM pg_proc "
            "WHERE proname LIKE 'procrastinate%'"
        ).fetchone()
    assert granted is not None
    assert granted[0] == granted[1] >= 15
