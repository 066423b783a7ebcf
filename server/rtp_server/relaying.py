"""The relay's loop: holds the lease, looks for events, delivers them batch by batch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

import structlog

from rtp.db import leases
from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.errors import RtpError
from rtp.events import relay
from rtp.events.relay import Consumer, CursorMoved
from rtp.kit import failpoints, trace
from rtp.permissions import WORKER

log = structlog.get_logger("rtp.relay")
IDLE_SECONDS = 0.1
LEASE = "relay"


async def run(frames: Frames, consumers: Sequence[Consumer], holder: str, stop: asyncio.Event) -> None:
    """Relay until told to stop; a database that is away is waited for."""
    renewed = 0.0
    while not stop.is_set():
        delivered = 0
        try:
            if monotonic() - renewed > leases.RENEW_SECONDS:
                renewed = monotonic() if await _lead(frames, consumers, holder) else 0.0
            if renewed:
                delivered = await once(frames, consumers)
        except CursorMoved:
            renewed = 0.0
        except RtpError as error:
            renewed = 0.0
            log.warning("the relay waits", error=error.message)
            await _pause(stop, 1.0)
        if not delivered:
            await _pause(stop, IDLE_SECONDS)
    if renewed:
        async with frames.writing(operation="relay", principal=WORKER, trace=trace.start()) as frame:
            await leases.give_back(frame, LEASE, holder)


async def once(frames: Frames, consumers: Sequence[Consumer]) -> int:
    """One look: a batch to every consumer that is behind; how many events were read.

    A consumer that fails stays where it is and does not hold up the others; its error is raised after them.
    """
    async with frames.reading(operation="relay", principal=WORKER, trace=trace.start()) as frame:
        waiting = await relay.behind(frame, consumers)
    total = 0
    failed: RtpError | None = None
    for consumer, xid, seq in waiting:
        operation = f"relay:{consumer.name}"
        try:
            async with frames.writing(operation=operation, principal=WORKER, trace=trace.start()) as frame:
                total += await _deliver(frame, consumer, xid, seq)
            failpoints.reach("relay.after_commit")
        except RtpError as error:
            failed = error
    if failed is not None:
        raise failed
    return total


async def _deliver(frame: Frame, consumer: Consumer, xid: int, seq: int) -> int:
    failpoints.reach("relay.before_delivery")
    delivered = await relay.deliver(frame, consumer, xid, seq)
    failpoints.reach("relay.after_delivery")
    return delivered


async def _lead(frames: Frames, consumers: Sequence[Consumer], holder: str) -> bool:
    async with frames.writing(operation="relay", principal=WORKER, trace=trace.start()) as frame:
        taken = await leases.take(frame, LEASE, holder) is not None
        if taken:
            await relay.serve(frame, consumers)
        return taken


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), timeout=seconds)
    except TimeoutError:
        return
