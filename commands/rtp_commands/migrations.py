"""`rtp migrations`, or `rtp db`: the database's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtp.errors import ExitCode
from rtp.migrations import schemas
from rtp.migrations.schemas import (
    AppliedMigration,
    ApplyMigrations,
    ApplyResult,
    MigrationPlan,
    MigrationStatus,
    PreviewSql,
)
from rtp_commands.call import Call, Listing, Result, Severity, listing, read, write
from rtp_commands.errors import Usage

app = typer.Typer()
COLUMNS = ("revision", "state", "by", "version", "started_at", "seconds", "name")
EFFECT = "changes tables; each migration waits for its locks briefly and often"

Target = Annotated[str, typer.Option("--target", metavar="REVISION", help="The last migration to apply.")]
LockTimeout = Annotated[
    int,
    typer.Option("--lock-timeout", metavar="MS", min=10, max=60_000, help="Longest wait of one attempt for a lock."),
]
Attempts = Annotated[
    int, typer.Option("--attempts", metavar="N", min=1, max=1000, help="How often to try for the locks.")
]
LockWait = Annotated[
    int, typer.Option("--lock-wait", metavar="SECONDS", min=0, max=3600, help="Wait for another one that applies.")
]


@app.command()
@read(schemas.STATUS, exit_codes=(10,))
def status(call: Call) -> Result:
    """Show where the database is: current, behind, dirty, ahead or empty; 10 for all but current.

    Examples:
        rtp migrations status
        rtp migrations status -o json
    """
    found: MigrationStatus = call.read(schemas.STATUS)
    code = ExitCode.OK if found.state == "current" else ExitCode.CHECK_FAILED
    return Result(found, code, f"Next: {found.hint}" if found.hint else "")


@app.command()
@read(schemas.PLAN, schemas.PREVIEW, exit_codes=(7, 10))
def plan(
    call: Call,
    target: Target = "head",
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE.sql", help="Look at this SQL instead; needs the role owner.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 10 when something blocks, rewrites, or is found by squawk.")
    ] = False,
) -> Result:
    """Show each statement of pending migrations: its locks, what it rewrites or scans, and squawk's findings.

    The statements are run on a copy of the schema without its rows; the database itself is only read.

    Examples:
        rtp migrations plan
        rtp migrations plan --target 0003 -o json
        rtp migrations plan --file examples/change.sql --check
    """
    if file is None:
        found: MigrationPlan = call.read(schemas.PLAN, target=target)
    else:
        found = call.read(schemas.PREVIEW, PreviewSql(sql=_text(file), name=file.name))
    from rtp_commands.migrations_plan import alarming, lines

    code = ExitCode.CHECK_FAILED if check and alarming(found) else ExitCode.OK
    if call.output.format != "table" or call.flags.fields is not None:
        return Result(found, code)
    call.output.lines(lines(found, wide=call.output.wide))
    return Result(None, code, "Nothing is pending." if not found.statements else "Nothing was changed.")


@app.command()
@write(schemas.APPLY, severity=Severity.MODERATE, side_effects=EFFECT)
def apply(
    call: Call,
    target: Target = "head",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after one that was killed; drops the invalid indexes it left.")
    ] = False,
    lock_timeout: LockTimeout = 500,
    attempts: Attempts = 20,
    lock_wait: LockWait = 10,
) -> ApplyResult:
    """Apply pending migrations, up to the newest or to a target.

    Examples:
        rtp migrations apply --target 0003
        rtp migrations apply --dry-run
        rtp migrations apply --resume --reason "the machine went down"
    """
    body = ApplyMigrations(
        target=target, resume=resume, lock_timeout_ms=lock_timeout, attempts=attempts, wait=lock_wait
    )
    return call.write(schemas.APPLY, body)


@app.command()
@write(schemas.APPLY, severity=Severity.MODERATE, side_effects=EFFECT)
def migrate(call: Call) -> ApplyResult:
    """Apply all pending migrations.

    Examples:
        rtp migrations migrate
        rtp migrations migrate --dry-run
    """
    return call.write(schemas.APPLY, ApplyMigrations())


@app.command()
@listing(schemas.HISTORY, columns=COLUMNS)
def history(call: Call) -> Listing[AppliedMigration]:
    """List migrations that were begun: when, by whom, how long, and how they ended.

    Examples:
        rtp migrations history
        rtp migrations history --limit 5 -o json
    """
    return call.list(schemas.HISTORY)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(what=f"{file}: {error}") from error
