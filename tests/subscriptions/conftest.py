"""A catalog, a member, a provider, and time that passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.payments import jobs as payment_jobs
from rtp.payments.fakes import FakeProvider
from rtp.permissions import LOCAL_OWNER
from rtp.products import catalog
from rtp.products.schemas import Catalog, CatalogPrice, CatalogProduct
from rtp.settings import Settings
from rtp.subscriptions import jobs, service
from rtp.subscriptions.schemas import CreateSubscription, Subscription
from rtp.testing import money
from rtp.testing import relay as testing_relay
from rtp.testing.plugin import OpenFrame
from rtp.users import service as users
from rtp.users.schemas import CreateUser
from rtp_server import work

JOBS = (*payment_jobs.JOBS, *(spec for spec in jobs.JOBS if not spec.cron))


class World:
    """What the tests do: subscribe, let the worker catch up, let time pass, look."""

    def __init__(self, frames: Frames, clock: FixedClock, writing: OpenFrame, provider: FakeProvider) -> None:
        self.frames = frames
        self.clock = clock
        self.writing = writing
        self.provider = provider

    async def subscribe(self, price: str, card: str | None = "visa", user: str = "ada@example.com") -> Subscription:
        """A subscription whose first charge has its result."""
        async with self.writing() as frame:
            made = await service.create(frame, CreateSubscription(user=user, price=price, card=card))
        await self.work()
        return await self.show(made.id)

    async def show(self, key: str) -> Subscription:
        """The subscription as it stands."""
        async with self.writing() as frame:
            return await service.show(frame, key)

    async def do(self, use_case: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """One use case in a frame of its own."""
        async with self.writing() as frame:
            return await use_case(frame, *args)

    def reading(self) -> AbstractAsyncContextManager[Frame]:
        """A frame that only reads."""
        return self.frames.reading(operation="tests.read", principal=LOCAL_OWNER, trace=trace.start())

    async def work(self) -> None:
        """Run jobs and relay events until nothing is left."""
        for _ in range(10):
            await money.run_jobs(self.frames, self.provider, JOBS)
            if not await self._relay():
                return

    async def at(self, when: datetime | str) -> None:
        """Let time pass, and the worker do what has fallen due."""
        self.clock.instant = when if isinstance(when, datetime) else datetime.fromisoformat(when).replace(tzinfo=UTC)
        await self.look()
        await self.work()

    async def look(self) -> None:
        """What the worker does every few seconds."""
        context = Context(
            frames=self.frames, settings=Settings(), trace=trace.start(), name="subscriptions.advance_due"
        )
        await jobs.advance_due(context)

    async def pass_(self, **span: float) -> None:
        """Let a span of time pass."""
        await self.at(self.clock.instant + timedelta(**span))

    async def _relay(self) -> int:
        return await testing_relay.once(self.frames, work.consumers({}))


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
async def world(frames: Frames, clock: FixedClock, writing: OpenFrame, provider: FakeProvider) -> World:
    clock.instant = datetime(2026, 1, 31, 14, 30, tzinfo=UTC)
    sold = Catalog(
        products=[
            product("room", [("room-monthly", 19700, "month", 7), ("room-annual", 172700, "year", 7)]),
            product("alerts", [("alerts-monthly", 9700, "month", 0)]),
        ]
    )
    async with writing() as frame:
        await catalog.apply(frame, sold, prune=False)
        for name in ("ada", "bob"):
            await users.create(frame, CreateUser(email=f"{name}@example.com", name=name, timezone="America/New_York"))
    return World(frames, clock, writing, provider)


def product(key: str, prices: list[tuple[str, int, Any, int]]) -> CatalogProduct:
    made = [
        CatalogPrice(key=name, amount=Money(minor, "USD"), interval=interval, trial_days=trial)
        for name, minor, interval, trial in prices
    ]
    return CatalogProduct(key=key, name=key.title(), kind="room", prices=made)
