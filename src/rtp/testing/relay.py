"""The worker's relay, run by hand once no transaction of another test holds the xmin horizon any more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy import text

from rtp.db.frames import Frames
from rtp.events.relay import Consumer
from rtp.kit import trace
from rtp.permissions import WORKER

POLL_SECONDS = 0.02
_HIDDEN = text("SELECT count(*) FROM events WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


async def horizon_passed(frames: Frames) -> None:
    """Wait until no running transaction of the server is older than the newest event of this database."""
    while True:
        async with frames.reading(operation="relay", principal=WORKER, trace=trace.start()) as frame:
            row = await frame.first(_HIDDEN)
        if row is None or not row[0]:
            return
        await asyncio.sleep(POLL_SECONDS)


async def once(frames: Frames, consumers: Sequence[Consumer]) -> int:
    """One look of the relay once every event can be seen; how many were read."""
    from rtp_server import relaying

    await horizon_passed(frames)
    return await relaying.once(frames, consumers)
