"""Every query on users."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, page_of
from rtp.db.literals import array
from rtp.db.rows import change_row, find_row
from rtp.kit import ids
from rtp.operations import Page
from rtp.users.model import user_directory, user_notes, users
from rtp.users.policy import email_hash
from rtp.users.schemas import Note, User, UserStatus

_ALIVE = users.c.deleted_at.is_(None)


def to_user(row: Row[Any]) -> User:
    """A row as the struct that leaves the repository."""
    return User(
        id=ids.show_user(row.id),
        email=row.email,
        name=row.name,
        status=row.status,
        timezone=row.timezone,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _to_note(row: Row[Any]) -> Note:
    return Note(
        id=ids.show("note", row.id),
        user_id=ids.show_user(row.user_id),
        text=row.text,
        author=row.author,
        created_at=row.created_at,
    )


async def find(frame: Frame, user_id: int, *, lock: bool = False) -> User | None:
    """The user with this id who is not deleted; with `lock`, held for this transaction."""
    row = await find_row(frame, users, user_id, _ALIVE, lock=lock)
    return None if row is None else to_user(row)


async def id_of_email(frame: Frame, email: str) -> int | None:
    """The id of the user with this e-mail, letter case apart."""
    row = await frame.first(select(user_directory.c.user_id).where(user_directory.c.email_hash == email_hash(email)))
    return None if row is None else int(row[0])


async def by_hashes(frame: Frame, hashes: Sequence[bytes]) -> dict[bytes, User]:
    """The users with these e-mails, by the hash of the e-mail."""
    query = select(user_directory.c.email_hash, users).join(users, users.c.id == user_directory.c.user_id)
    wanted = text("email_hash = ANY (CAST(:hashes AS bytea[]))").bindparams(hashes=list(hashes))
    rows = await frame.all(query.where(wanted, _ALIVE))
    return {row.email_hash: to_user(row) for row in rows}


async def emails_of(frame: Frame, user_ids: Collection[int]) -> dict[int, str]:
    """The e-mails of these users, by their ids."""
    wanted = text("id = ANY (CAST(:ids AS bigint[]))").bindparams(ids=list(user_ids))
    return {row.id: row.email for row in await frame.all(select(users.c.id, users.c.email).where(wanted))}


async def email_changes_of(frame: Frame, user_ids: Collection[int]) -> dict[int, datetime]:
    """When the e-mails of these users last became others, by their ids; who has kept theirs is not named."""
    wanted = text("id = ANY (CAST(:ids AS bigint[]))").bindparams(ids=list(user_ids))
    query = select(users.c.id, users.c.email_changed_at).where(wanted, users.c.email_changed_at.is_not(None))
    return {row.id: row.email_changed_at for row in await frame.all(query)}


async def claim_email(frame: Frame, user_id: int, email: str) -> bool:
    """Enter an e-mail into the directory; False when another user has it."""
    query = upsert(user_directory).values(email_hash=email_hash(email), user_id=user_id).on_conflict_do_nothing()
    return await frame.first(query.returning(user_directory.c.user_id)) is not None


async def release_email(frame: Frame, user_id: int) -> None:
    """Take a user's e-mail out of the directory."""
    await frame.execute(delete(user_directory).where(user_directory.c.user_id == user_id))


async def add(frame: Frame, user_id: int, *, email: str, name: str, timezone: str) -> User:
    """Insert a user."""
    values = {
        "id": user_id,
        "email": email,
        "name": name,
        "status": "active",
        "timezone": timezone,
        "version": 1,
        "created_at": frame.now,
        "updated_at": frame.now,
    }
    row = (await frame.execute(insert(users).values(values).returning(users))).one()
    return to_user(row)


async def change(frame: Frame, user_id: int, **values: Any) -> User:
    """Change columns and take the next version."""
    return to_user(await change_row(frame, users, user_id, **values, updated_at=frame.now))


_SUBSCRIBED = text(
    """
    EXISTS (SELECT 1 FROM subscriptions s WHERE s.user_id = users.id AND s.price_key = :price
        AND s.status IN ('incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused'))
    """
)


async def page(
    frame: Frame, page: PageRequest, *, search: str, status: UserStatus | None, price: str, only: int | None
) -> Page[User]:
    """One page of users; `only` is the one member that a search by id found."""
    query = select(users).where(_ALIVE)
    if only is not None:
        query = query.where(users.c.id == only)
    elif search:
        pattern = "%" + search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = query.where((func.lower(users.c.email) + " " + func.lower(users.c.name)).like(pattern))
    if status is not None:
        query = query.where(users.c.status == status)
    if price:
        query = query.where(_SUBSCRIBED.bindparams(price=price))
    return await page_of(frame, page, query, key=users.c.id, time=users.c.created_at, build=to_user)


async def add_note(frame: Frame, user_id: int, note: str) -> Note:
    """Insert a note."""
    values = {
        "id": frame.ids.uuid(user_id),
        "user_id": user_id,
        "text": note,
        "author": frame.principal.name,
        "created_at": frame.now,
    }
    return _to_note((await frame.execute(insert(user_notes).values(values).returning(user_notes))).one())


async def notes_of(frame: Frame, user_id: int, limit: int = 50) -> list[Note]:
    """The newest notes on a user."""
    query = select(user_notes).where(user_notes.c.user_id == user_id).order_by(user_notes.c.id.desc()).limit(limit)
    return [_to_note(row) for row in await frame.all(query)]


_IMPORT = text(
    """
    WITH input AS (
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:hashes AS bytea[]), CAST(:emails AS text[]), CAST(:names AS text[]),
            CAST(:zones AS text[]), CAST(:events AS uuid[])
        ) AS t(id, hash, email, name, zone, event)
    ), claimed AS (
        INSERT INTO user_directory (email_hash, user_id) SELECT hash, id FROM input
        ON CONFLICT DO NOTHING RETURNING user_id
    ), created AS (
        INSERT INTO users (id, email, name, status, timezone, version, created_at, updated_at)
        SELECT id, email, name, 'active', zone, 1, :now, :now FROM input JOIN claimed ON claimed.user_id = input.id
        RETURNING id
    ), noted AS (
        INSERT INTO events (id, type, aggregate_type, aggregate_id, version, timestamp, payload, metadata)
        SELECT i.event, 'user.imported', 'user', s.shown, 1, :now,
            jsonb_build_object('after', jsonb_build_object('id', s.shown, 'email', i.email, 'name', i.name,
                'status', 'active', 'timezone', i.zone, 'version', 1)),
            CAST(:metadata AS jsonb) || jsonb_build_object('user_id', s.shown)
        FROM input i JOIN created ON created.id = i.id
        JOIN unnest(CAST(:ids AS bigint[]), CAST(:shown AS text[])) AS s(id, shown) ON s.id = i.id
    )
    SELECT id FROM created
    """
)


async def import_rows(frame: Frame, rows: Sequence[tuple[int, bytes, str, str, str]], metadata: str) -> set[int]:
    """Insert rows of (id, e-mail hash, e-mail, name, zone) set-wise, with one event each; returns the ids created."""
    values = {
        "ids": array(str(row[0]) for row in rows),
        "hashes": array(f"\\x{row[1].hex()}" for row in rows),
        "emails": array(row[2] for row in rows),
        "names": array(row[3] for row in rows),
        "zones": array(row[4] for row in rows),
        "events": array(frame.ids.uuid(row[0]).hex for row in rows),
        "shown": array(ids.show_user(row[0]) for row in rows),
        "now": frame.now,
        "metadata": metadata,
    }
    return {row[0] for row in await frame.all(_IMPORT, values)}
