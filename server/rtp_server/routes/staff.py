"""Routes of staff."""

from __future__ import annotations

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.operations import Page
from rtp.staff import schemas, service
from rtp.staff.schemas import CreateStaff, StaffMember
from rtp_server.operation import operation


@operation(schemas.CREATE)
async def create(frame: Frame, data: CreateStaff) -> StaffMember:
    """Add a staff member."""
    return await service.create(frame, data)


@operation(schemas.LIST)
async def list_staff(frame: Frame, page: PageRequest) -> Page[StaffMember]:
    """List staff."""
    return await service.page(frame, page)


@operation(schemas.DISABLE)
async def disable(frame: Frame, staff: str) -> StaffMember:
    """End a staff member's access."""
    return await service.disable(frame, staff)


HANDLERS = (create, list_staff, disable)
