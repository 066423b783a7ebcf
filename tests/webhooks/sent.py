"""Webhooks to others, worked by hand: the relay looked at once, the jobs that are due run on the spot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.events.relay import Consumer
from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.permissions import LOCAL_OWNER
from rtp.settings import Settings
from rtp.testing import relay
from rtp.webhooks import deliveries, endpoints, payload, sent_jobs
from rtp.webhooks.schemas import CreatedEndpoint, CreateEndpoint
from rtp.webhooks.sending import Sender

CONSUMER = Consumer("webhooks", payload.is_sent, inside=deliveries.spread)
_TAKE = text(
    """
    UPDATE procrastinate_jobs SET status = 'doing' WHERE id = (
        SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'webhooks.send'
            AND (scheduled_at IS NULL OR scheduled_at <= :now) ORDER BY id LIMIT 1
    ) RETURNING id, args, scheduled_at
    """
)
_DONE = text("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = :id")
_NEXT = text(
    "SELECT min(scheduled_at) AS at FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'webhooks.send'"
)


class Post:
    """The worker's part of webhooks, on the test's clock."""

    def __init__(self, frames: Frames, api: httpx.AsyncClient) -> None:
        self.frames = frames
        self.api = api
        self.sender = Sender(seconds=5)

    async def endpoint(self, url: str, *events: str, **more: Any) -> CreatedEndpoint:
        """A new endpoint on the loopback, with its secret."""
        wanted: dict[str, Any] = {"events": list(events) or ["*"], "loopback": url.startswith("http:")} | more
        made = await self.write(endpoints.create, CreateEndpoint(url=url, **wanted))
        assert isinstance(made, CreatedEndpoint)
        return made

    async def write(self, use_case: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Carry a use case out by the test's clock, which the API does not go by."""
        async with self.writing() as frame:
            return await use_case(frame, *arguments)

    def writing(self) -> AbstractAsyncContextManager[Frame]:
        """A frame of the local owner that commits."""
        return self.frames.writing(operation="tests", principal=LOCAL_OWNER, trace=trace.start())

    async def happen(self, type: str, about: str = "usr_1", **after: Any) -> None:
        """Record an event."""
        async with self.writing() as frame:
            frame.record(type, about, 1, after=after or {"name": "Ada"})

    async def relay(self) -> None:
        """Turn what happened into deliveries."""
        await relay.once(self.frames, [CONSUMER])

    async def send(self) -> int:
        """Run the jobs that are due by the test's clock; how many."""
        count = 0
        while job := await self._take():
            await sent_jobs.send(
                self.context(), **{name: value for name, value in job.args.items() if name != "_trace"}
            )
            async with self.frames.database.writing() as connection:
                await connection.execute(_DONE, {"id": job.id})
                await connection.commit()
            count += 1
        return count

    async def next_at(self) -> datetime | None:
        """When the next job is due."""
        async with self.frames.database.reading() as connection:
            row = (await connection.execute(_NEXT)).one()
        return row.at

    def context(self) -> Context:
        """What a job of the worker is given."""
        services = {"webhooks": self.sender}
        return Context(self.frames, Settings(), trace.start(), "webhooks.send", services=services)

    async def get(self, path: str) -> Any:
        """Read through the API."""
        answer = await self.api.get(f"/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def deliveries(self, **filters: str) -> list[dict[str, Any]]:
        """The deliveries there are, oldest first."""
        answer = await self.api.get("/v1/webhooks/deliveries", params=filters)
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()["items"]))

    async def _take(self) -> Any:
        async with self.frames.database.writing() as connection:
            row = (await connection.execute(_TAKE, {"now": self.frames.clock.now()})).first()
            await connection.commit()
        return row
