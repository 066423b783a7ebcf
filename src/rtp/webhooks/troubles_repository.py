"""Every query on the endpoints that need a person."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from rtp.db.frame import Frame
from rtp.db.partitions import lowest_id
from rtp.db.records import events
from rtp.kit import ids
from rtp.webhooks.endpoints_repository import to_endpoint
from rtp.webhooks.model import deliveries, endpoints
from rtp.webhooks.schemas import BY_HAND, Endpoint

_OWN = endpoints.c.kind == "endpoint"


async def disabled(frame: Frame) -> list[Endpoint]:
    """The endpoints that are disabled, but by nobody."""
    query = select(endpoints).where(_OWN, endpoints.c.state == "disabled", endpoints.c.disabled_reason != BY_HAND)
    return [to_endpoint(row) for row in await frame.all(query.order_by(endpoints.c.id))]


async def failing(frame: Frame, before: datetime) -> list[Endpoint]:
    """The endpoints that are enabled and have taken nothing since a time, or longer."""
    query = select(endpoints).where(_OWN, endpoints.c.state == "enabled", endpoints.c.failing_since <= before)
    return [to_endpoint(row) for row in await frame.all(query.order_by(endpoints.c.id))]


async def given_up(frame: Frame, since: datetime) -> list[tuple[str, int, datetime]]:
    """The endpoints that are enabled with what was given up since a time: how many, and when the oldest happened."""
    happened = select(events.c.timestamp).where(events.c.id == deliveries.c.event_id).scalar_subquery()
    query = (
        select(
            deliveries.c.endpoint_id.label("endpoint_id"),
            func.count().label("given_up"),
            func.min(func.coalesce(happened, deliveries.c.created_at)).label("oldest"),
        )
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(_OWN, endpoints.c.state == "enabled", deliveries.c.state == "failed", deliveries.c.settled_at > since)
        .group_by(deliveries.c.endpoint_id)
        .order_by(deliveries.c.endpoint_id)
    )
    return [(ids.show("we", row.endpoint_id), row.given_up, row.oldest) for row in await frame.all(query)]


async def oldest_missed(frame: Frame, endpoint_id: UUID, since: datetime) -> datetime | None:
    """When the oldest event happened that was to go there since a time and was not taken."""
    query = (
        select(events.c.timestamp)
        .join(deliveries, deliveries.c.event_id == events.c.id)
        .where(
            deliveries.c.endpoint_id == endpoint_id,
            deliveries.c.state.in_(["failed", "canceled"]),
            deliveries.c.id >= lowest_id(since),
        )
        .order_by(deliveries.c.id)  # from one end of the index, as an endpoint may have very many
        .limit(1)
    )
    row = await frame.first(query)
    return None if row is None else row.timestamp


async def enabled_count(frame: Frame) -> int | None:
    """How many endpoints are enabled; None when there is no endpoint at all."""
    enabled = func.count().filter(endpoints.c.state == "enabled")
    query = select(func.count().label("total"), enabled.label("enabled"))
    row = await frame.first(query.where(_OWN, endpoints.c.state != "deleted"))
    return None if row is None or not row.total else int(row.enabled)
