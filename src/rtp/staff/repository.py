"""Every query on staff."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.db.makers import makers_of
from rtp.db.rows import change_row, find_row
from rtp.kit import ids
from rtp.operations import Page
from rtp.staff.model import staff
from rtp.staff.schemas import CreateStaff, StaffMember


def to_staff(row: Row[Any]) -> StaffMember:
    """A row as the struct that leaves the repository."""
    return StaffMember(
        id=ids.show("stf", row.id),
        email=row.email,
        name=row.name,
        role=row.role,
        status=row.status,
        version=row.version,
        created_at=row.created_at,
    )


async def find(frame: Frame, staff_id: UUID, *, lock: bool = False) -> StaffMember | None:
    """The staff member with this id."""
    row = await find_row(frame, staff, staff_id, lock=lock)
    return None if row is None else to_staff(row)


async def id_of_email(frame: Frame, email: str) -> UUID | None:
    """The id of the staff member with this e-mail, letter case apart."""
    row = await frame.first(select(staff.c.id).where(func.lower(staff.c.email) == email.lower()))
    return None if row is None else row.id


async def add(frame: Frame, request: CreateStaff) -> StaffMember:
    """Insert a staff member."""
    values = {
        "id": frame.ids.uuid(),
        "email": request.email,
        "name": request.name,
        "role": request.role,
        "status": "active",
        "version": 1,
        "created_at": frame.now,
        "created_by": frame.principal.id,
        "created_through": frame.principal.through or None,
    }
    return to_staff((await frame.execute(insert(staff).values(values).returning(staff))).one())


async def makers(frame: Frame, staff_ids: Collection[UUID]) -> set[str]:
    """Who made these accounts, and the tokens that they came by."""
    return await makers_of(frame, staff, staff_ids)


async def disable(frame: Frame, staff_id: UUID) -> StaffMember:
    """Set the status and take the next version."""
    return to_staff(await change_row(frame, staff, staff_id, status="disabled"))


async def page(frame: Frame, page: PageRequest) -> Page[StaffMember]:
    """One page of staff."""
    return await page_of(
        frame,
        page,
        select(staff),
        key=staff.c.id,
        sorts={"created_at": staff.c.id, "email": staff.c.email},
        default="email",
        time=staff.c.created_at,
        build=to_staff,
    )
