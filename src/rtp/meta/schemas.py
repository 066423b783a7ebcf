"""What the server says of itself, and the operations for it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from rtp.operations import read
from rtp.permissions import Principal


class WhoAmI(Struct, kw_only=True):
    """Who the caller is to this server, and what kind of server it is."""

    principal: Principal
    environment: Literal["dev", "staging", "prod"]
    instance: str
    version: str


class Check(Struct, kw_only=True):
    """One line of the doctor: `fix` is the command that mends it."""

    name: str
    state: Literal["ok", "warning", "failed"]
    detail: str
    fix: str = ""


class Health(Struct):
    """A state and nothing else."""

    state: str


class Doctor(Struct, kw_only=True):
    """The checks that need the server's own connections."""

    checks: list[Check]


WHOAMI = read("whoami.show", "/whoami", WhoAmI)
DOCTOR = read("doctor.show", "/doctor", Doctor)
