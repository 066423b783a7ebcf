"""A captured payment whose cardholder objects, and the jobs that follow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from rtp.db.frames import Frames
from rtp.settings import Settings
from rtp.testing import webhooks
from tests.disputes.objections import Objections


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, provider_webhook_secret=webhooks.SECRET)


@pytest.fixture
async def desk(api: httpx.AsyncClient, app: Any, frames: Frames) -> AsyncIterator[Objections]:
    """The refund desk's application, where the provider's webhooks arrive as well."""
    async with Objections.opened(api, app, frames) as opened:
        yield opened
