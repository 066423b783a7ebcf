"""Every query on the audit; the rows themselves are written by the frame."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from rtp.audit.schemas import AuditEntry
from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.records import audit
from rtp.kit import ids
from rtp.operations import Page


def _to_entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=ids.show("aud", row.id),
        at=row.at,
        actor=row.actor,
        actor_name=row.actor_name,
        role=row.role,
        operation=row.operation,
        target=row.target,
        user_id=None if row.user_id is None else ids.show_user(row.user_id),
        reason=row.reason,
        request_id=row.request_id,
        trace_id=row.trace_id,
        plan_id=None if row.plan_id is None else ids.show("plan", row.plan_id),
        changes=row.changes,
    )


async def find(frame: Frame, entry_id: UUID) -> AuditEntry | None:
    """The entry with this id."""
    row = await frame.first(select(audit).where(audit.c.id == entry_id))
    return None if row is None else _to_entry(row)


async def page(frame: Frame, page: PageRequest, *, actor: str, target: str) -> Page[AuditEntry]:
    """One page of the audit; a user as target finds every write for that member."""
    query = matching(select(audit), (audit.c.actor, actor))
    if target.startswith(ids.USER_PREFIX + "_"):
        query = query.where(audit.c.user_id == _user(target))
    elif target:
        query = query.where(audit.c.target == target)
    return await page_of(frame, page, query, key=audit.c.id, time=audit.c.at, build=_to_entry)


def _user(target: str) -> int:
    try:
        return ids.parse_user(target)
    except ids.WrongId:
        return -1
