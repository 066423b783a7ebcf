"""Use cases of staff."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.kit import ids
from rtp.operations import Page
from rtp.permissions import Role, at_least
from rtp.staff import repository
from rtp.staff.errors import RoleAboveOwn, StaffAlreadyDisabled, StaffExists, StaffNotFound
from rtp.staff.schemas import CreateStaff, StaffMember


def refuse_role_above(frame: Frame, wanted: Role) -> None:
    """Nobody gives a role above their own.

    Raises: RoleAboveOwn.
    """
    if not at_least(frame.principal.role, wanted):
        raise RoleAboveOwn(wanted=wanted, own=frame.principal.role)


async def create(frame: Frame, request: CreateStaff) -> StaffMember:
    """Add a staff member.

    Raises: StaffExists, RoleAboveOwn.
    """
    refuse_role_above(frame, request.role)
    if await repository.id_of_email(frame, request.email) is not None:
        raise StaffExists(email=request.email)
    member = await repository.add(frame, request)
    frame.record("staff.created", member.id, member.version, after=member)
    return member


async def disable(frame: Frame, key: str) -> StaffMember:
    """End a staff member's access; their tokens stop at the next request.

    Raises: StaffNotFound, StaffAlreadyDisabled, RoleAboveOwn.
    """
    staff_id, before = await resolve(frame, key, lock=True)
    refuse_role_above(frame, before.role)
    if before.status == "disabled":
        raise StaffAlreadyDisabled(email=before.email)
    after = await repository.disable(frame, staff_id)
    frame.record("staff.disabled", after.id, after.version, before=before, after=after)
    return after


async def resolve(frame: Frame, key: str, *, lock: bool = False) -> tuple[UUID, StaffMember]:
    """The staff member behind an id or an e-mail.

    Raises: StaffNotFound.
    """
    staff_id: UUID | None
    if "@" in key:
        staff_id = await repository.id_of_email(frame, key)
    else:
        staff_id = ids.parse_or("stf", key, StaffNotFound)
    member = None if staff_id is None else await repository.find(frame, staff_id, lock=lock)
    if staff_id is None or member is None:
        raise StaffNotFound(key=key)
    return staff_id, member


async def makers(frame: Frame, staff_ids: Collection[UUID]) -> set[str]:
    """Who made these accounts, and the tokens that they came by."""
    return await repository.makers(frame, staff_ids)


async def page(frame: Frame, page: PageRequest) -> Page[StaffMember]:
    """One page of staff."""
    return await repository.page(frame, page)
