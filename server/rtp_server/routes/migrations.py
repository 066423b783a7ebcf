"""Routes of migrations: they work on any schema; what needs the owner's connection works outside a frame."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.migrations import planning, schemas, service
from rtp.migrations.schemas import (
    AppliedMigration,
    ApplyMigrations,
    ApplyResult,
    MigrationPlan,
    MigrationStatus,
    PreviewSql,
)
from rtp.operations import Page
from rtp_server import migrating
from rtp_server.operation import operation
from rtp_server.state import State

Target = Annotated[str, QueryParameter(max_length=40, pattern="^(head|[0-9a-z_]+)$", description="The last to apply.")]


@operation(schemas.STATUS)
async def status(frame: Frame) -> MigrationStatus:
    """Show where the database's schema is and what is pending."""
    return await service.status(frame.connection)


@operation(schemas.HISTORY)
async def history(frame: Frame, page: PageRequest) -> Page[AppliedMigration]:
    """List migrations that were begun, newest first."""
    return await service.history(frame, page)


@operation(schemas.PLAN)
async def plan(state: State, target: Target = "head") -> MigrationPlan:
    """Show what applying would run, with locks, rewrites, scans and findings."""
    return await asyncio.to_thread(planning.plan, migrating.owner_url(state), migrating.app_role(state), target)


@operation(schemas.PREVIEW)
async def preview(state: State, data: PreviewSql) -> MigrationPlan:
    """Show what SQL would do, by running it on a copy of the schema."""
    return await asyncio.to_thread(planning.preview, migrating.owner_url(state), data.sql, data.name)


@operation(schemas.APPLY, outside=migrating.run)
async def apply(frame: Frame, data: ApplyMigrations) -> ApplyResult:
    """Apply pending migrations; safe twice at once."""
    raise AssertionError("runs outside of a frame")


HANDLERS = (status, history, plan, preview, apply)
