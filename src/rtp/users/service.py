"""Use cases of users."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import UNSET

from rtp.db.frame import Frame
from rtp.kit import ids
from rtp.users import policy, repository
from rtp.users.errors import EmailTaken, UserNotFound
from rtp.users.schemas import CreateNote, CreateUser, Note, UpdateUser, User


async def resolve(frame: Frame, key: str, *, lock: bool = False) -> User:
    """The user behind an id or an e-mail; with `lock`, held for this transaction.

    Raises: UserNotFound.
    """
    user_id = await _id_of(frame, key)
    user = None if user_id is None else await repository.find(frame, user_id, lock=lock)
    if user is None:
        raise UserNotFound(key=key)
    return user


def number(user: User) -> int:
    """The bare id of a user."""
    return ids.parse_user(user.id)


async def by_emails(frame: Frame, emails: Iterable[str]) -> dict[str, User]:
    """The users with these e-mails, letter case apart, by the e-mail as it was asked for."""
    hashes = {email: policy.email_hash(email) for email in emails}
    found = await repository.by_hashes(frame, list(hashes.values()))
    return {email: found[hashed] for email, hashed in hashes.items() if hashed in found}


async def emails_of(frame: Frame, keys: Iterable[str]) -> dict[str, str]:
    """The e-mails of the users with these ids, by the id."""
    found = await repository.emails_of(frame, {ids.parse_user(key) for key in keys})
    return {ids.show_user(user_id): email for user_id, email in found.items()}


async def email_changes(frame: Frame, keys: Iterable[str]) -> dict[str, datetime]:
    """When the e-mails of the users with these ids last became others, by the id; who has kept theirs is not named."""
    found = await repository.email_changes_of(frame, {ids.parse_user(key) for key in keys})
    return {ids.show_user(user_id): at for user_id, at in found.items()}


async def create(frame: Frame, request: CreateUser) -> User:
    """Add a member.

    Raises: EmailTaken, UnknownTimezone.
    """
    zone = policy.check_timezone(request.timezone)
    user_id = frame.ids.user_id()
    if not await repository.claim_email(frame, user_id, request.email):
        raise EmailTaken(email=request.email)
    user = await repository.add(frame, user_id, email=request.email.strip(), name=request.name, timezone=zone)
    frame.record("user.created", user.id, user.version, user_id=user_id, after=user)
    return user


async def update(frame: Frame, key: str, request: UpdateUser) -> User:
    """Change a member's e-mail, name or zone.

    Raises: UserNotFound, EmailTaken, UnknownTimezone.
    """
    before = await resolve(frame, key, lock=True)
    user_id = ids.parse_user(before.id)
    values: dict[str, Any] = {}
    if request.name is not UNSET:
        values["name"] = request.name
    if request.timezone is not UNSET:
        values["timezone"] = policy.check_timezone(request.timezone)
    if request.email is not UNSET:
        values["email"] = request.email
        if policy.email_hash(request.email) != policy.email_hash(before.email):
            values["email_changed_at"] = frame.now
        await repository.release_email(frame, user_id)
        if not await repository.claim_email(frame, user_id, request.email):
            raise EmailTaken(email=request.email)
    after = await repository.change(frame, user_id, **values)
    frame.record("user.updated", after.id, after.version, user_id=user_id, before=before, after=after)
    return after


async def suspend(frame: Frame, key: str) -> User:
    """Close a member's access without touching money.

    Raises: UserNotFound, UserStateRefused.
    """
    return await _move(frame, key, "suspend")


async def restore(frame: Frame, key: str) -> User:
    """Open a suspended member's access again.

    Raises: UserNotFound, UserStateRefused.
    """
    return await _move(frame, key, "restore")


async def note(frame: Frame, key: str, request: CreateNote) -> Note:
    """Write a note on the support page.

    Raises: UserNotFound.
    """
    user = await resolve(frame, key)
    user_id = ids.parse_user(user.id)
    added = await repository.add_note(frame, user_id, request.text)
    frame.record("user.noted", user.id, user.version, user_id=user_id, after=added)
    return added


async def notes_of(frame: Frame, user_id: int) -> list[Note]:
    """The newest notes on a member."""
    return await repository.notes_of(frame, user_id)


async def _move(frame: Frame, key: str, event: str) -> User:
    before = await resolve(frame, key, lock=True)
    user_id = ids.parse_user(before.id)
    status = policy.moved(before.id, before.status, event)
    after = await repository.change(frame, user_id, status=status)
    frame.record(f"user.{event}ed" if event == "suspend" else "user.restored", after.id, after.version,
                 user_id=user_id, before=before, after=after)  # fmt: skip
    return after


async def _id_of(frame: Frame, key: str) -> int | None:
    if "@" in key:
        return await repository.id_of_email(frame, key)
    try:
        return ids.parse_user(key)
    except ids.WrongId:
        return None
