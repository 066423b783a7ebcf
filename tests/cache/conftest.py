"""What tests of the cache share: the worker's relay, run by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from rtp.db.frames import Frames
from rtp.events import relay
from rtp.events.relay import Consumer
from rtp.kit import trace
from rtp.permissions import WORKER
from rtp_server import relaying

Drain = Callable[[Frames, Sequence[Consumer]], Awaitable[None]]


@pytest.fixture
def drain() -> Drain:
    """Relays until the consumers have had everything; transactions of other tests' databases hold the horizon too."""

    async def until_nothing_waits(frames: Frames, consumers: Sequence[Consumer]) -> None:
        names = {consumer.name for consumer in consumers}
        while True:
            await relaying.once(frames, consumers)
            async with frames.reading(operation="relay", principal=WORKER, trace=trace.start()) as frame:
                lag = await relay.lag(frame)
            if not any(lag[name] for name in names):
                return

    return until_nothing_waits
