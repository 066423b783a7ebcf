"""The payment provider as one API process asks it: connected when it is first needed, behind one circuit breaker.

From then on the process tells of its breaker as a worker does. Only workers move money; what is asked here is what a
person wants to know now.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence

from rtp.db.frames import Frames
from rtp.kit.breaker import Rules
from rtp.payments import provider as providers
from rtp.payments.guarded import GuardedProvider
from rtp.payments.provider import Source
from rtp.settings import Settings
from rtp_server import breaking


def process() -> str:
    """What this process is called wherever processes are listed."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Asking:
    """Holds the connection and the watch over its breaker."""

    def __init__(self, settings: Settings, frames: Frames) -> None:
        self._settings = settings
        self._frames = frames
        self._stop = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._provider: GuardedProvider | None = None

    def provider(self, added: Sequence[Source]) -> GuardedProvider:
        """The provider that the settings name, among the sandbox and those that plugins add.

        Raises: ProviderNotKnown, ProviderUnavailable, InvalidInput, InstanceDamaged.
        """
        if self._provider is None:
            opened = providers.connect(self._settings, added)
            self._provider = GuardedProvider(opened, Rules(timeout=self._settings.provider_timeout))
            told = breaking.run(self._frames, [self._provider.breaker], process(), self._stop)
            self._watch = asyncio.create_task(told)
        return self._provider

    async def close(self) -> None:
        """Take no calls any more, and be forgotten by the list of breakers."""
        self._stop.set()
        if self._watch is not None:
            await self._watch
        if self._provider is not None:
            await self._provider.close()
