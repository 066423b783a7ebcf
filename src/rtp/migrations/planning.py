"""Plans of migrations and of SQL files: each statement with its locks, rewrites, scans and squawk's findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from rtp.migrations import linting, rules, schema
from rtp.migrations.errors import BehindAlready
from rtp.migrations.locks import BLOCKS, Effect
from rtp.migrations.measuring import Measuring
from rtp.migrations.schemas import Finding, MigrationPlan, StatementPlan, TableLock
from rtp.migrations.scripts import PACKAGED, Scripts, Statement, of_sql
from rtp.migrations.shadow import ShadowUnavailable, copied

_SIZES = """
SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END,
    greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_VERSION = "SELECT version_num FROM alembic_version"
Sizes = dict[str, tuple[int, int]]


def plan(owner_url: str, app_role: str, target: str = "head", scripts: Scripts = PACKAGED) -> MigrationPlan:
    """What applying up to `target` would run.

    Raises: UnknownRevision, BehindAlready, SchemaTooNew, SqlNotValid, SquawkMissing.
    """
    current, sizes, major = _live(owner_url)
    if current is not None and current not in [found.revision for found in scripts.all()]:
        raise schema.SchemaTooNew(current=current, wanted=schema.known()[-1])
    pending = scripts.pending(current, target)
    if not pending and target not in ("head", current):
        raise BehindAlready(current=current, target=target)
    statements: list[Statement] = []
    before = current
    for migration in pending:
        statements += scripts.statements(migration, before, app_role)
        before = migration.revision
    return _planned(owner_url, statements, sizes, major, (current or "nothing", before or "nothing"))


def preview(owner_url: str, sql: str, name: str) -> MigrationPlan:
    """What a file of SQL would do; its own BEGIN and COMMIT are left out.

    Raises: SqlNotValid, SquawkMissing.
    """
    current, sizes, major = _live(owner_url)
    return _planned(owner_url, of_sql(sql, name), sizes, major, (current or "nothing", current or "nothing"))


def _planned(
    owner_url: str, statements: Sequence[Statement], sizes: Sizes, major: int, versions: tuple[str, str]
) -> MigrationPlan:
    why = ""
    try:
        effects = _measured(owner_url, statements) if statements else []
    except ShadowUnavailable as error:
        why = str(error.params["why"])
        effects = [rules.effect(one.sql, set(sizes)) for one in statements]
    shown = [(one, effect) for one, effect in zip(statements, effects, strict=True) if not one.bookkeeping]
    found = linting.findings([one for one, _ in shown], major)
    return MigrationPlan(
        current=versions[0],
        target=versions[1],
        method="rules" if why else "shadow",
        why=why,
        statements=[_shown(one, effect, lint, sizes) for (one, effect), lint in zip(shown, found, strict=True)],
    )


def _measured(owner_url: str, statements: Sequence[Statement]) -> list[Effect]:
    with copied(owner_url) as address:
        measuring = Measuring(address)
        try:
            return measuring.all(statements)
        finally:
            measuring.close()


def _shown(one: Statement, effect: Effect, found: list[Finding], sizes: Sizes) -> StatementPlan:
    locks = []
    for table, mode in effect.locks.items():
        rows, size = sizes.get(table, (0, 0))
        locks.append(TableLock(table=table, mode=mode, blocks=BLOCKS[mode], rows=rows, bytes=size))
    return StatementPlan(
        source=one.source,
        sql=one.sql,
        transaction=one.transaction,
        by=effect.by,
        locks=locks,
        rewrites=effect.rewrites,
        scans=effect.scans,
        findings=found,
    )


def _live(owner_url: str) -> tuple[str | None, Sizes, int]:
    address = urlunsplit(urlsplit(owner_url)._replace(scheme="postgresql"))
    with psycopg.connect(address, autocommit=True) as connection:
        rows: list[Any] = connection.execute(_SIZES).fetchall()
        sizes = {name: (count, size) for name, count, size in rows}
        found = connection.execute(_VERSION).fetchone() if "alembic_version" in sizes else None
        return found[0] if found else None, sizes, connection.info.server_version // 10000
