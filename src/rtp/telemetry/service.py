"""Use cases of the history of requests: store what has ended, count what is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from rtp.db.engine import Database
from rtp.db.frame import Frame
from rtp.telemetry import repository
from rtp.telemetry.schemas import Counts, RequestRecord, Selection


async def store(database: Database, rows: Sequence[tuple[UUID, RequestRecord]]) -> None:
    """Add requests under these ids, all or none; storing the same ids again changes nothing."""
    async with database.reading() as connection:  # in autocommit: it is one statement
        await repository.add(connection, rows)


async def count(frame: Frame, since: datetime, until: datetime, wider: Selection, narrower: Selection) -> Counts:
    """Count the requests that ended from `since` until before `until`, and how many of them are narrower, too."""
    return await repository.count(frame, since, until, wider, narrower)


async def begins(frame: Frame) -> datetime | None:
    """When the oldest request ended that is still kept; None when there is none."""
    return await repository.begins(frame)
