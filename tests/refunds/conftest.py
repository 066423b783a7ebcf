"""The refund desk for tests: the real application and database, a clock that can be moved, the provider's stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtp.db.frames import Frames
from rtp.payments.http_provider import HttpProvider
from rtp.settings import Settings
from rtp.testing.provider import Sandbox
from rtp.testing.provider import running as sandbox_running
from tests.refunds.desk import Desk
from tests.refunds.workers import Workers


@pytest.fixture
async def desk(api: httpx.AsyncClient, app: Any, frames: Frames) -> AsyncIterator[Desk]:
    async with Desk.opened(api, app, frames) as opened:
        yield opened


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox_running(tmp_path / "provider") as started:
        yield started


@pytest.fixture
async def provider(sandbox: Sandbox) -> AsyncIterator[HttpProvider]:
    adapter = HttpProvider(sandbox.url, sandbox.token)
    yield adapter
    await adapter.close()


@pytest.fixture
def worker(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(settings, sandbox, tmp_path / "worker.log")
    yield made
    made.end()
