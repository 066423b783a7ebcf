"""Routes of users."""

from __future__ import annotations

from typing import Annotated, Any

from litestar.params import QueryParameter

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import trace
from rtp.operations import Page
from rtp.payments.errors import ProviderNotKnown, ProviderUnavailable
from rtp.permissions import WORKER
from rtp.users import diagnose as diagnosing
from rtp.users import finding, importing, schemas, service, support
from rtp.users.schemas import (
    CreateNote,
    CreateUser,
    Diagnosis,
    ImportResult,
    Note,
    UpdateUser,
    User,
    UserDetail,
    UserStatus,
)
from rtp_server.operation import operation
from rtp_server.state import State

Search = Annotated[
    str,
    QueryParameter(
        max_length=200, description="Part of an e-mail or name; or the id or provider reference of what they bought."
    ),
]
Price = Annotated[str, QueryParameter(max_length=100, description="Only who has a live subscription at this price.")]


@operation(schemas.CREATE)
async def create(frame: Frame, data: CreateUser) -> User:
    """Add a member."""
    return await service.create(frame, data)


@operation(schemas.LIST)
async def list_users(
    frame: Frame, page: PageRequest, search: Search = "", status: UserStatus | None = None, price: Price = ""
) -> Page[User]:
    """List members."""
    return await finding.page(frame, page, search=search, status=status, price=price)


@operation(schemas.EXPORT)
async def export(
    frame: Frame, page: PageRequest, search: Search = "", status: UserStatus | None = None, price: Price = ""
) -> Page[User]:
    """Export members, page by page."""
    return await finding.page(frame, page, search=search, status=status, price=price)


@operation(schemas.SHOW)
async def show(frame: Frame, user: str) -> UserDetail:
    """Show a member's support page."""
    return await support.show(frame, user)


@operation(schemas.DIAGNOSE)
async def diagnose(state: State, user: str) -> Diagnosis:
    """Find the first link that broke between the provider and a member's access; the provider is asked as well."""
    about: dict[str, Any] = {"operation": schemas.DIAGNOSE.id, "principal": WORKER, "trace": trace.start()}
    async with state.frames.reading(**about) as frame:
        found, known = await diagnosing.gather(frame, user)
    try:
        provider = state.provider
    except (ProviderUnavailable, ProviderNotKnown) as error:
        return diagnosing.judge(found, diagnosing.silent(known, error.message))
    return diagnosing.judge(found, await diagnosing.ask(provider, known))


@operation(schemas.UPDATE)
async def update(frame: Frame, user: str, data: UpdateUser) -> User:
    """Change a member's e-mail, name or zone."""
    return await service.update(frame, user, data)


@operation(schemas.SUSPEND)
async def suspend(frame: Frame, user: str) -> User:
    """Close a member's access."""
    return await service.suspend(frame, user)


@operation(schemas.RESTORE)
async def restore(frame: Frame, user: str) -> User:
    """Open a suspended member's access again."""
    return await service.restore(frame, user)


@operation(schemas.NOTE)
async def note(frame: Frame, user: str, data: CreateNote) -> Note:
    """Write a note on a member."""
    return await service.note(frame, user, data)


@operation(schemas.IMPORT)
async def import_users(frame: Frame, data: bytes) -> ImportResult:
    """Add members from one batch of lines."""
    return await importing.import_batch(frame, data)


HANDLERS = (create, list_users, export, show, diagnose, update, suspend, restore, note, import_users)
