"""A captured payment whose cardholder objects, and the jobs that follow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from rtp.db.frames import Frames
from rtp.kit.clock import FixedClock
from rtp.settings import Settings
from rtp.testing import webhooks
from tests.disputes.objections import Objections
from tests.refunds.desk import Forgetful


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, provider_webhook_secret=webhooks.SECRET)


@pytest.fixture
async def desk(api: httpx.AsyncClient, app: Any, frames: Frames) -> AsyncIterator[Objections]:
    """The refund desk's application, where the provider's webhooks arrive as well."""
    clock = FixedClock(datetime.now(UTC))
    frames.clock = app.state.frames.clock = clock
    async with AsyncExitStack() as stack:
        yield Objections(api=api, frames=frames, clock=clock, provider=Forgetful(clock), open=stack, app=app)
