"""A part of a frame that can fail alone: its changes, events and jobs are taken back, the rest of the frame stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rtp.db.frame import Frame


@asynccontextmanager
async def apart(frame: Frame) -> AsyncIterator[None]:
    """Run a block under a savepoint; an error rolls back to it and is raised on."""
    await frame.flush()
    notes, jobs, reason = len(frame.notes), len(frame.jobs), frame.reason
    try:
        async with frame.connection.begin_nested():
            yield
            await frame.flush()
    except BaseException:
        del frame.notes[notes:]
        del frame.jobs[jobs:]
        frame.added.clear()
        frame.reason = reason
        raise
