"""Use cases of tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest
from rtp.errors import NotLoggedIn
from rtp.kit import ids
from rtp.operations import Page
from rtp.permissions import LOCAL_OWNER, ROLES, Principal, at_least
from rtp.staff import service as staff
from rtp.tokens import policy, repository
from rtp.tokens.errors import TokenAlreadyRevoked, TokenNotFound, TokenRoleAboveStaff, TokenStaffDisabled
from rtp.tokens.schemas import CreatedToken, CreateToken, Token


async def resolve(frame: Frame, secret: str) -> Principal:
    """Who a token stands for; a staff member's token acts as that person, with the lower of both roles.

    Raises: NotLoggedIn, for whatever reason.
    """
    row = await repository.resolve(frame, policy.hashed(secret)) if policy.well_formed(secret) else None
    if row is None:
        raise NotLoggedIn()
    through = ids.show("tok", row.id)
    if row.staff_id is None:
        return Principal(kind="token", id=through, name=row.name, role=row.role, through=through)
    role = min(row.role, row.staff_role, key=ROLES.index)
    return Principal(kind="staff", id=ids.show("stf", row.staff_id), name=row.staff_email, role=role, through=through)


async def create(frame: Frame, request: CreateToken) -> CreatedToken:
    """Make a token; its secret is in the answer and nowhere else.

    Raises: RoleAboveOwn, StaffNotFound, TokenStaffDisabled, TokenRoleAboveStaff, TokenLifetimeTooLong.
    """
    staff.refuse_role_above(frame, request.role)
    staff_id = None
    if request.staff is not None:
        staff_id, member = await staff.resolve(frame, request.staff)
        if member.status == "disabled":
            raise TokenStaffDisabled(email=member.email)
        if not at_least(member.role, request.role):
            raise TokenRoleAboveStaff(wanted=request.role, email=member.email, role=member.role)
    secret = policy.generate()
    token = await repository.add(
        frame,
        name=request.name,
        role=request.role,
        staff_id=staff_id,
        hashed=policy.hashed(secret),
        last_four="" if frame.dry_run else secret[-4:],
        expires_at=frame.now + policy.lifetime(request.expires),
    )
    frame.record("token.created", token.id, token.version, after=_without_last_four(token))
    return CreatedToken(**_fields(token), token=secret)


async def revoke(frame: Frame, key: str) -> Token:
    """End a token; it stops at the next request.

    Raises: TokenNotFound, TokenAlreadyRevoked.
    """
    token_id = ids.parse_or("tok", key, TokenNotFound)
    before = await repository.find(frame, token_id, lock=True)
    if before is None:
        raise TokenNotFound(key=key)
    if before.status == "revoked":
        raise TokenAlreadyRevoked(key=key)
    after = await repository.revoke(frame, token_id)
    frame.record("token.revoked", after.id, after.version, before=before, after=after)
    return after


async def makers(frame: Frame, *keys: str) -> set[str]:
    """Who made these tokens and staff accounts, by which tokens, who made those, and so on to the first."""
    known: set[str] = set()
    new = set(keys)
    while new:
        made = await repository.makers(frame, _kind("tok", new)) | await staff.makers(frame, _kind("stf", new))
        new = made - known
        known |= made
    return known


async def minters(frame: Frame, key: str, at: datetime) -> set[str]:
    """Who made a token, or the tokens that a staff account had at an instant, or the tokens that those were made by.

    Whoever makes a token has seen its secret, so what is done with it may be theirs.
    """
    if key.startswith("stf_"):
        new = await repository.living(frame, ids.parse("stf", key), at)
    else:
        new = _kind("tok", [key])
    known: set[str] = set()
    while new:
        made = await repository.makers(frame, new) - known
        known |= made
        new = _kind("tok", made)
    return known


async def called(frame: Frame, key: str) -> str:
    """What a principal is called: a staff member's e-mail, a token's name, `local owner`; else the id itself.

    Raises: StaffNotFound, TokenNotFound.
    """
    if key.startswith("stf_"):
        return (await staff.resolve(frame, key))[1].email
    if key.startswith("tok_"):
        token = await repository.find(frame, ids.parse_or("tok", key, TokenNotFound))
        return key if token is None else token.name
    return LOCAL_OWNER.name if key == LOCAL_OWNER.id else key


def _kind(prefix: str, keys: Iterable[str]) -> set[UUID]:
    return {ids.parse(prefix, key) for key in keys if key.startswith(f"{prefix}_")}


async def page(frame: Frame, page: PageRequest) -> Page[Token]:
    """One page of tokens."""
    return await repository.page(frame, page)


def _fields(token: Token) -> dict[str, Any]:
    return {name: getattr(token, name) for name in token.__struct_fields__}


def _without_last_four(token: Token) -> dict[str, Any]:
    """The secret is drawn anew when a plan is carried out, so nothing of it may be in what a plan compares."""
    return {name: value for name, value in _fields(token).items() if name != "last_four"}
