"""The refund desk for tests: the real application and database, a clock that can be moved, the provider's stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from rtp.db.frames import Frames
from rtp.kit.clock import FixedClock
from tests.refunds.desk import Desk, Forgetful


@pytest.fixture
async def desk(api: httpx.AsyncClient, app: Any, frames: Frames) -> AsyncIterator[Desk]:
    """A desk whose clock stands at the beginning of the test: tokens end by the database's own."""
    clock = FixedClock(datetime.now(UTC))
    frames.clock = app.state.frames.clock = clock
    async with AsyncExitStack() as stack:
        yield Desk(api=api, frames=frames, clock=clock, provider=Forgetful(clock), open=stack, app=app)
