"""Routes of the audit."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from rtp.audit import schemas, service
from rtp.audit.schemas import AuditEntry
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp_server.operation import operation

Actor = Annotated[str, QueryParameter(max_length=100, description="Id of who did it.")]
Target = Annotated[str, QueryParameter(max_length=100, description="Id of what it was done to, or of the member.")]


@operation(schemas.LIST)
async def list_audit(frame: Frame, page: PageRequest, actor: Actor = "", target: Target = "") -> Page[AuditEntry]:
    """List writes, newest first."""
    return await service.page(frame, page, actor=actor, target=target)


@operation(schemas.SHOW)
async def show(frame: Frame, entry: str) -> AuditEntry:
    """Show one write."""
    return await service.show(frame, entry)


HANDLERS = (list_audit, show)
