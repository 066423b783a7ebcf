"""A kind of job, as a row in the worker's table, and what a running job is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.jobs.policy import Backoff
from rtp.kit.trace import Trace
from rtp.permissions import WORKER
from rtp.settings import Settings

__all__ = ["Backoff", "Context", "Handler", "JobSpec"]


@dataclass(frozen=True)
class Context:
    """What a job may use: frames of its own, and the process's settings and connections to the outside.

    `services` holds what areas need by name (`provider`, `cache`); `attempt` counts from 1.
    """

    frames: Frames
    settings: Settings
    trace: Trace
    name: str
    attempt: int = 1
    services: dict[str, Any] = field(default_factory=dict)

    def writing(self) -> AbstractAsyncContextManager[Frame]:
        """A frame that commits at its end, in the name of the worker."""
        return self.frames.writing(operation=f"job:{self.name}", principal=WORKER, trace=self.trace)

    def reading(self) -> AbstractAsyncContextManager[Frame]:
        """A frame that only reads."""
        return self.frames.reading(operation=f"job:{self.name}", principal=WORKER, trace=self.trace)


Handler = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class JobSpec:
    """One kind of job: `cron` (a sixth column is seconds) makes it periodic, once per slot however many workers."""

    name: str
    run: Handler
    queue: str = "default"
    backoff: Backoff = field(default_factory=Backoff)
    cron: str = ""
