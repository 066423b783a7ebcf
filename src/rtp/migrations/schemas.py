"""What crosses the API about migrations, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.operations import Operation, listing, read, write

SchemaStateName = Literal["empty", "behind", "current", "ahead", "dirty"]
Revision = Annotated[str, Meta(max_length=40, pattern=r"^(head|[0-9a-z_]+)$")]
LockMode = Literal[
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
]
Blocks = Literal["nothing", "schema changes", "writes", "reads and writes"]


class Migration(Struct, kw_only=True):
    """One migration of this version of rtp."""

    revision: str
    name: str


class Unfinished(Struct, kw_only=True):
    """A migration that was begun and whose process is gone."""

    revision: str
    started_at: datetime
    by: str


class InvalidIndex(Struct, kw_only=True):
    """An index that a cancelled CONCURRENTLY left behind; `drop` removes it, and so does `apply --resume`."""

    name: str
    table: str
    drop: str


class MigrationStatus(Struct, kw_only=True):
    """Where the database is; `running` while some process applies, `hint` is the way on."""

    state: SchemaStateName
    current: str
    wanted: str
    running: bool
    pending: list[Migration]
    unfinished: list[Unfinished]
    invalid_indexes: list[InvalidIndex]
    hint: str = ""


class AppliedMigration(Struct, kw_only=True):
    """A row of the ledger; `seconds` is null until it ended."""

    revision: str
    name: str
    state: Literal["started", "finished", "failed", "resumed"]
    by: str
    version: str
    attempts: int
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    error: str = ""


class TableLock(Struct, kw_only=True):
    """The strongest lock on a table, what it blocks, and how large the table is; `rows` is the planner's estimate."""

    table: str
    mode: LockMode
    blocks: Blocks
    rows: int = 0
    bytes: int = 0


class Finding(Struct, kw_only=True):
    """What squawk says about a statement."""

    rule: str
    level: str
    message: str
    help: str = ""


class StatementPlan(Struct, kw_only=True):
    """One statement: its locks on tables that exist, which tables it rewrites, and which it reads from end to end.

    `source` is the migration's revision or the file; `transaction` is false for what must run outside of one;
    `by` says whether it was measured on a copy of the schema or looked up in the rules, which may not know it.
    """

    source: str
    sql: str
    transaction: bool
    by: Literal["measured", "rule", "unknown"]
    locks: list[TableLock]
    rewrites: list[str]
    scans: list[str]
    findings: list[Finding]


class MigrationPlan(Struct, kw_only=True):
    """Statements that would be run, in order; `method` says how their locks were found, `why` why not measured."""

    current: str
    target: str
    method: Literal["shadow", "rules"]
    why: str = ""
    statements: list[StatementPlan]


class PreviewSql(Struct, kw_only=True, forbid_unknown_fields=True):
    """SQL to look at; nothing of it is run on the database itself."""

    sql: Annotated[str, Meta(min_length=1, max_length=500_000)]
    name: Annotated[str, Meta(max_length=200)] = "file"


class ApplyMigrations(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which migrations to apply: up to `target`.

    `resume` goes on after a migration whose process ended, and drops the invalid indexes that it left. Each attempt
    waits `lock_timeout_ms` for a lock, so that nothing queues behind it for longer; `wait` is how many seconds to wait
    for another process that applies.
    """

    target: Revision = "head"
    resume: bool = False
    lock_timeout_ms: Annotated[int, Meta(ge=10, le=60_000)] = 500
    attempts: Annotated[int, Meta(ge=1, le=1000)] = 20
    wait: Annotated[int, Meta(ge=0, le=3600)] = 10


class ApplyResult(Struct, kw_only=True):
    """What an apply did: the version before and after, what it cleaned up, and each migration it applied."""

    before: str
    after: str
    dropped: list[str]
    applied: list[AppliedMigration]


STATUS = read("migrations.status", "/migrations/status", MigrationStatus)
PLAN = read("migrations.plan", "/migrations/plan", MigrationPlan)
PREVIEW = Operation("migrations.preview", "POST", "/migrations/preview", MigrationPlan, body=PreviewSql, kind="read")
APPLY = write("migrations.apply", "POST", "/migrations/apply", ApplyResult, body=ApplyMigrations)
HISTORY = listing("migrations.history", "/migrations/history", AppliedMigration)
