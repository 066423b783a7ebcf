"""Every query on the history of requests."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Double, and_, func, literal, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection

from rtp.db.frame import Frame
from rtp.db.partitions import lowest_id
from rtp.db.prepared import Driver, Prepared
from rtp.telemetry.model import requests
from rtp.telemetry.schemas import Comparison, Counts, RequestRecord, Selection

# One statement with one parameter for all rows; a batch that is sent again because its end was in doubt adds nothing.
_ADD = Prepared(
    text(
        """
        INSERT INTO requests (id, at, method, route, status, duration_ms, request_id, actor_kind)
        SELECT id, at, method, route, status, duration_ms, request_id, actor_kind
        FROM jsonb_populate_recordset(NULL::requests, CAST(:rows AS jsonb))
        ON CONFLICT (id) DO NOTHING
        """
    )
)
_OPERATORS = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}


async def add(connection: AsyncConnection, rows: Sequence[tuple[UUID, RequestRecord]]) -> None:
    """Add requests under these ids."""
    given = msgspec.json.encode([{"id": key, **record._asdict()} for key, record in rows])
    await Driver(connection).run(_ADD, {"rows": given.decode()})


async def count(frame: Frame, since: datetime, until: datetime, wider: Selection, narrower: Selection) -> Counts:
    """Count the requests of a span of time that are of the wider selection, and those that are of both."""
    query = (
        select(func.count().label("total"), func.count().filter(_holds(narrower)).label("narrower"))
        # An id is made after its request has ended, so the lower bound of ids cuts partitions off and loses nothing.
        .where(requests.c.id >= lowest_id(since), requests.c.at >= since, requests.c.at < until, _holds(wider))
    )
    row = await frame.first(query)
    assert row is not None
    return Counts(total=row.total, narrower=row.narrower)


async def begins(frame: Frame) -> datetime | None:
    """When the oldest request ended; by the key, which goes by time and is read from one end."""
    row = await frame.first(select(requests.c.at).order_by(requests.c.id).limit(1))
    return None if row is None else row.at


def _holds(selection: Selection) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [true()]
    if selection.routes:
        parts.append(or_(*(_matches(pattern) for pattern in selection.routes)))
    parts += [~_matches(pattern) for pattern in selection.exclude]
    if selection.methods:
        parts.append(requests.c.method.in_(selection.methods))
    parts += [_compared(one) for one in selection.comparisons]
    return and_(*parts)


def _matches(pattern: str) -> ColumnElement[bool]:
    literal = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return requests.c.route.like(literal.replace("*", "%"), escape="\\")


def _compared(comparison: Comparison) -> ColumnElement[bool]:
    # Bound as the double that it is: as a status's smallint, 499.5 would be rounded and 1e9 refused.
    value = literal(comparison.value, Double)
    held: ColumnElement[bool] = _OPERATORS[comparison.op](requests.c[comparison.field], value)
    return held
