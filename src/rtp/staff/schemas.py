"""What crosses the API about staff, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from rtp.kit.text import Email, Short
from rtp.operations import listing, write
from rtp.permissions import Role

StaffStatus = Literal["active", "disabled"]


class StaffMember(Struct, kw_only=True):
    """A person who uses rtp; their tokens can do at most what their role can."""

    id: str
    email: str
    name: str
    role: Role
    status: StaffStatus
    version: int
    created_at: datetime


class CreateStaff(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new staff member."""

    email: Email
    name: Short
    role: Role


CREATE = write("staff.create", "POST", "/staff", StaffMember, body=CreateStaff, status=201)
LIST = listing("staff.list", "/staff", StaffMember)
DISABLE = write("staff.disable", "POST", "/staff/{staff}/disable", StaffMember)
