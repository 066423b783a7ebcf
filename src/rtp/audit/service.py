"""Use cases of the audit."""

from __future__ import annotations

from rtp.audit import repository
from rtp.audit.errors import AuditEntryNotFound
from rtp.audit.schemas import AuditEntry
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.operations import Page


async def show(frame: Frame, key: str) -> AuditEntry:
    """One write.

    Raises: AuditEntryNotFound.
    """
    entry = await repository.find(frame, ids.parse_or("aud", key, AuditEntryNotFound))
    if entry is None:
        raise AuditEntryNotFound(key=key)
    return entry


async def page(frame: Frame, page: PageRequest, *, actor: str = "", target: str = "") -> Page[AuditEntry]:
    """One page of the audit."""
    return await repository.page(frame, page, actor=actor, target=target)
