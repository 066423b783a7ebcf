"""What crosses the API about tokens, and the operations on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rtp.kit.text import Short
from rtp.operations import listing, write
from rtp.permissions import Role

TokenStatus = Literal["active", "expired", "revoked"]
Lifetime = Annotated[str, Meta(pattern=r"^\d{1,4}[hdw]$")]
"""How long a token lives: hours, days or weeks, such as `90d`."""


class Token(Struct, kw_only=True):
    """A token without its secret; `last_four` are the secret's last characters."""

    id: str
    name: str
    role: Role
    staff_id: str | None
    last_four: str
    status: TokenStatus
    version: int
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class CreatedToken(Token, kw_only=True):
    """A new token with its secret, which is shown this once."""

    token: str


class CreateToken(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new token: `staff` is the id or e-mail of the person it acts as."""

    name: Short
    role: Role
    staff: str | None = None
    expires: Lifetime = "90d"


CREATE = write("tokens.create", "POST", "/tokens", CreatedToken, body=CreateToken, status=201, secret="token")
LIST = listing("tokens.list", "/tokens", Token)
REVOKE = write("tokens.revoke", "POST", "/tokens/{token}/revoke", Token)
