"""Every query on endpoints and their secrets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, delete, insert, or_, select, update

from rtp.db.frame import Frame
from rtp.db.listing import PageRequest, matching, page_of
from rtp.db.rows import change_row, find_row
from rtp.kit import ids
from rtp.operations import Page
from rtp.webhooks.model import endpoints, secrets
from rtp.webhooks.schemas import CreateEndpoint, Endpoint, EndpointState, SigningKey


class Subscriber(NamedTuple):
    """What decides whether an event goes to an endpoint."""

    id: UUID
    kind: str
    events: list[str]
    since: datetime


class Sealed(NamedTuple):
    """A secret as it is kept."""

    id: UUID
    sealed: bytes


def to_endpoint(row: Row[Any]) -> Endpoint:
    """A row as the struct that leaves the repository."""
    return Endpoint(
        id=ids.show("we", row.id),
        kind=row.kind,
        url=row.url,
        events=list(row.events),
        signing=row.signing,
        state=row.state,
        disabled_reason=row.disabled_reason,
        description=row.description,
        loopback=row.loopback,
        failures=row.failures,
        failing_since=row.failing_since,
        version=row.version,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


async def add(frame: Frame, request: CreateEndpoint, url: str, expires_at: datetime | None) -> Endpoint:
    """Insert an endpoint that is enabled."""
    values = {
        "id": frame.ids.uuid(),
        "kind": request.kind,
        "url": url,
        "events": list(dict.fromkeys(request.events)),
        "signing": request.signing,
        "loopback": request.loopback,
        "description": request.description,
        "state": "enabled",
        "listening_since": frame.now,
        "version": 1,
        "created_at": frame.now,
        "expires_at": expires_at,
    }
    return to_endpoint((await frame.execute(insert(endpoints).values(values).returning(endpoints))).one())


async def find(frame: Frame, endpoint_id: UUID, *, lock: bool = False) -> Endpoint | None:
    """The endpoint with this id; with `lock`, held for this transaction."""
    row = await find_row(frame, endpoints, endpoint_id, endpoints.c.state != "deleted", lock=lock)
    return None if row is None else to_endpoint(row)


async def change(frame: Frame, endpoint_id: UUID, **values: Any) -> Endpoint:
    """Change columns and take the next version."""
    return to_endpoint(await change_row(frame, endpoints, endpoint_id, **values))


async def note_failures(frame: Frame, endpoint_id: UUID, failures: int, since: datetime | None) -> None:
    """Keep how many attempts failed in a row; no change of the endpoint itself."""
    query = update(endpoints).where(endpoints.c.id == endpoint_id)
    await frame.execute(query.values(failures=failures, failing_since=since))


async def page(frame: Frame, page: PageRequest, *, state: EndpointState | None) -> Page[Endpoint]:
    """One page of endpoints."""
    query = matching(select(endpoints).where(endpoints.c.state != "deleted"), (endpoints.c.state, state))
    return await page_of(frame, page, query, key=endpoints.c.id, time=endpoints.c.created_at, build=to_endpoint)


async def subscribers(frame: Frame) -> list[Subscriber]:
    """The endpoints that take events now."""
    live = or_(endpoints.c.expires_at.is_(None), endpoints.c.expires_at > frame.now)
    query = select(endpoints).where(endpoints.c.state == "enabled", live).order_by(endpoints.c.id)
    return [Subscriber(row.id, row.kind, list(row.events), row.listening_since) for row in await frame.all(query)]


async def keep_listening(frame: Frame, endpoint_ids: Iterable[UUID], until: datetime) -> list[UUID]:
    """Put off the end of listeners; those that there still are."""
    query = update(endpoints).where(
        endpoints.c.id.in_(list(endpoint_ids)),
        endpoints.c.kind == "listen",
        endpoints.c.state == "enabled",
        endpoints.c.expires_at > frame.now,
    )
    rows = (await frame.execute(query.values(expires_at=until).returning(endpoints.c.id))).all()
    return [row.id for row in rows]


async def over(frame: Frame) -> list[UUID]:
    """Endpoints to clear away: deleted ones, and listeners that nobody has asked for long."""
    ended = (endpoints.c.kind == "listen") & (endpoints.c.expires_at <= frame.now)
    query = select(endpoints.c.id).where(or_(endpoints.c.state == "deleted", ended))
    return [row.id for row in await frame.all(query)]


async def drop(frame: Frame, endpoint_id: UUID) -> None:
    """Delete an endpoint that has no deliveries any more, with its secrets."""
    await frame.execute(delete(endpoints).where(endpoints.c.id == endpoint_id))


async def add_secret(frame: Frame, endpoint_id: UUID, secret_id: UUID, sealed: bytes, public_key: str) -> None:
    """Insert a secret."""
    values = {
        "id": secret_id,
        "endpoint_id": endpoint_id,
        "sealed": sealed,
        "public_key": public_key,
        "created_at": frame.now,
    }
    await frame.execute(insert(secrets).values(values))


async def retire_secrets(frame: Frame, endpoint_id: UUID, at: datetime) -> None:
    """End the secrets that have no end yet, or a later one; what has ended already is forgotten."""
    own = secrets.c.endpoint_id == endpoint_id
    await frame.execute(delete(secrets).where(own, secrets.c.expires_at <= frame.now))
    if at <= frame.now:
        await frame.execute(delete(secrets).where(own))
        return
    later = or_(secrets.c.expires_at.is_(None), secrets.c.expires_at > at)
    await frame.execute(update(secrets).where(own, later).values(expires_at=at))


async def keys(frame: Frame, endpoint_id: UUID) -> list[SigningKey]:
    """The keys that sign now, the newest first, without what is secret."""
    rows = await frame.all(select(secrets).where(*_signing(frame, endpoint_id)).order_by(secrets.c.id.desc()))
    return [
        SigningKey(
            id=ids.show("whs", row.id),
            public_key=row.public_key,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )
        for row in rows
    ]


async def sealed(frame: Frame, endpoint_id: UUID) -> list[Sealed]:
    """The secrets that sign now, the newest first, sealed."""
    rows = await frame.all(select(secrets).where(*_signing(frame, endpoint_id)).order_by(secrets.c.id.desc()))
    return [Sealed(row.id, row.sealed) for row in rows]


def _signing(frame: Frame, endpoint_id: UUID) -> tuple[Any, ...]:
    now = or_(secrets.c.expires_at.is_(None), secrets.c.expires_at > frame.now)
    return (secrets.c.endpoint_id == endpoint_id, now)
