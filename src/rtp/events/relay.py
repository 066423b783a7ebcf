"""The relay: gives every consumer every event at least once, in order, and none too early.

It reads only rows of transactions below the xmin horizon, ordered by (xid, seq): a slow transaction with a smaller
number cannot be overtaken, as it is in a relay that remembers the last id. One process relays at a time, under a lease.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.events.repository import to_event
from rtp.events.schemas import Event

BATCH = 500
"""Events that a consumer gets at once."""
LOOK = 5_000
"""Events that are looked at for them: an import's thousands, which few want, must not hold up what comes after."""


@dataclass(frozen=True)
class Consumer:
    """Who wants events: `wants` tells which types; exactly one of the two ways of taking them is given.

    `inside` runs in the transaction that moves the cursor (once-only effects in the database, such as queueing a job);
    `outside` runs before it, for effects elsewhere that may be repeated (such as dropping cache entries).
    """

    name: str
    wants: Callable[[str], bool]
    inside: Callable[[Frame, Sequence[Event]], Awaitable[None]] | None = None
    outside: Callable[[Sequence[Event]], Awaitable[None]] | None = None


_HEAD = text(
    """
    SELECT xid, seq FROM events WHERE xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY xid DESC, seq DESC LIMIT 1
    """
)
_CURSORS = text("SELECT consumer, xid, seq FROM relay_cursors")
_START = text("INSERT INTO relay_cursors (consumer, xid, seq) VALUES (:consumer, 0, 0) ON CONFLICT DO NOTHING")
_NEXT = text(
    """
    SELECT id, type, xid, seq FROM events
    WHERE (xid, seq) > (:xid, :seq) AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY xid, seq LIMIT :limit
    """
)
_WHOLE = text("SELECT * FROM events WHERE id = ANY (CAST(:ids AS uuid[])) ORDER BY xid, seq")
_ADVANCE = text(
    """
    UPDATE relay_cursors SET xid = :to_xid, seq = :to_seq, updated_at = now()
    WHERE consumer = :consumer AND xid = :xid AND seq = :seq RETURNING 1
    """
)
_LAG = text(
    """
    SELECT c.consumer, coalesce(extract(epoch FROM now() - (
        SELECT e.timestamp FROM events e WHERE (e.xid, e.seq) > (c.xid, c.seq) ORDER BY e.xid, e.seq LIMIT 1
    )), 0)::float AS seconds
    FROM relay_cursors c WHERE c.retired_at IS NULL ORDER BY c.consumer
    """
)
_SERVE = text(
    """
    UPDATE relay_cursors SET retired_at = CASE WHEN consumer = ANY(:served) THEN NULL ELSE now() END
    WHERE (consumer = ANY(:served)) = (retired_at IS NOT NULL)
    """
)


class CursorMoved(Exception):
    """Another relay moved the cursor meanwhile; what was done inside is rolled back."""


async def serve(frame: Frame, consumers: Sequence[Consumer]) -> None:
    """Retire the cursors of all other consumers: nobody is late who is not served. A cursor that comes back goes on."""
    await frame.execute(_SERVE, {"served": [consumer.name for consumer in consumers]})


async def behind(frame: Frame, consumers: Sequence[Consumer]) -> list[tuple[Consumer, int, int]]:
    """The consumers that have events waiting, with their cursors."""
    head = await frame.first(_HEAD)
    cursors = {row.consumer: (row.xid, row.seq) for row in await frame.all(_CURSORS)}
    for consumer in consumers:
        if consumer.name not in cursors:
            await frame.execute(_START, {"consumer": consumer.name})
    if head is None:
        return []
    waiting = []
    for consumer in consumers:
        xid, seq = cursors.get(consumer.name, (0, 0))
        if (xid, seq) < (head.xid, head.seq):
            waiting.append((consumer, xid, seq))
    return waiting


async def deliver(frame: Frame, consumer: Consumer, xid: int, seq: int) -> int:
    """Give one batch to a consumer and move its cursor, in the caller's frame; how many events it has passed.

    Raises: CursorMoved.
    """
    rows = await frame.all(_NEXT, {"xid": xid, "seq": seq, "limit": LOOK})
    if not rows:
        return 0
    wanted = [place for place, row in enumerate(rows) if consumer.wants(row.type)][:BATCH]
    if len(wanted) == BATCH:
        rows = rows[: wanted[-1] + 1]
    events: list[Event] = []
    if wanted:
        events = [to_event(row) for row in await frame.all(_WHOLE, {"ids": [rows[place].id for place in wanted]})]
    if events and consumer.inside is not None:
        await consumer.inside(frame, events)
    if events and consumer.outside is not None:
        await consumer.outside(events)
    last = rows[-1]
    moved = await frame.first(
        _ADVANCE, {"consumer": consumer.name, "xid": xid, "seq": seq, "to_xid": last.xid, "to_seq": last.seq}
    )
    if moved is None:
        raise CursorMoved
    return len(rows)


async def lag(frame: Frame) -> dict[str, float]:
    """Seconds since the oldest event that each consumer has not had; 0 when it has had all."""
    return {row.consumer: row.seconds for row in await frame.all(_LAG)}
