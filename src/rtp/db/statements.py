"""Splits SQL into statements, minding quotes, dollar quotes and comments."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    (?P<line>--[^\n]*) | (?P<block>/\*.*?\*/) | (?P<text>'(?:[^']|'')*') | (?P<name>"(?:[^"]|"")*")
    | (?P<dollar>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$) | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)


def split(sql: str) -> list[str]:
    """The statements of a script, without their semicolons and without comments between them."""
    statements: list[str] = []
    current = ""
    place = 0
    for match in _TOKEN.finditer(sql):
        current += sql[place : match.start()]
        place = match.end()
        if match["end"]:
            statements.append(current.strip())
            current = ""
        elif not (match["line"] or match["block"]):
            current += match[0]
    statements.append((current + sql[place:]).strip())
    return [statement for statement in statements if statement]


def run(sql: str) -> None:
    """Execute a script inside a migration, one statement at a time, so that a plan can show each."""
    from alembic import op  # only inside a migration

    for statement in split(sql):
        op.execute(statement.replace(":", "\\:"))


def run_outside(sql: str) -> None:
    """Execute statements that cannot run in a transaction, such as CREATE INDEX CONCURRENTLY.

    Each must be repeatable (IF NOT EXISTS), because a killed migration is run again as a whole. They wait for their
    locks without a limit, as nothing queues behind them. In a new
    database they run in the one transaction of its creation.
    """
    from alembic import context, op  # only inside a migration

    attributes = context.config.attributes
    if attributes.get("creating"):
        run(re.sub(r"\bCONCURRENTLY\b", "", sql))
        return
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        try:
            run(sql)
        finally:
            op.execute(f"SET lock_timeout = {attributes.get('lock_timeout_ms', 0)}")


def grant(*tables: str, append_only: tuple[str, ...] = ()) -> None:
    """Give the application's role new tables; of those in `append_only` it can read and add, nothing else."""
    from alembic import context  # only inside a migration

    role = context.config.attributes.get("app_role", "rtp_app")
    if tables:
        run(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {", ".join(tables)} TO "{role}"')
    if append_only:
        run(f'GRANT SELECT, INSERT ON {", ".join(append_only)} TO "{role}"')
    run(f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
