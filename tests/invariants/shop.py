"""A shop for tests of the invariants: healthy at first, and what is broken in it on purpose."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.invariants import jobs, service
from rtp.invariants.schemas import Finding, MoneyReport
from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.kit.money import Money
from rtp.meta import checks
from rtp.meta.schemas import Check
from rtp.payments import jobs as payment_jobs
from rtp.payments.fakes import FakeProvider
from rtp.permissions import LOCAL_OWNER
from rtp.products import catalog
from rtp.products.schemas import Catalog, CatalogPrice, CatalogProduct
from rtp.refunds import jobs as refund_jobs
from rtp.refunds import service as refunds
from rtp.refunds.schemas import IssueRefund
from rtp.settings import Settings
from rtp.subscriptions import jobs as subscription_jobs
from rtp.subscriptions import service as subscriptions
from rtp.subscriptions.schemas import CreateSubscription
from rtp.testing import money
from rtp.testing import relay as testing_relay
from rtp.testing.plugin import OpenFrame
from rtp.testing.servers import Cloned
from rtp.users import service as users
from rtp.users.schemas import CreateUser
from rtp_server import work

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS, *(spec for spec in subscription_jobs.JOBS if not spec.cron))

UNGUARDED = """
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT conname, conrelid::regclass AS place FROM pg_constraint
        WHERE contype IN ('c', 'f') AND conrelid <> 0 AND coninhcount = 0 AND connamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.place, one.conname);
    END LOOP;
    DROP TRIGGER IF EXISTS ledger_balanced ON ledger;
END;
$$
"""
"""Take every guard of the database away, as only its owner can."""


@dataclass
class Shop:
    """A member with a paid subscription, a part of it refunded, and time gone by since."""

    frames: Frames
    writing: OpenFrame
    provider: FakeProvider
    database: Cloned
    clock: FixedClock
    user: str = ""
    payment: str = ""
    refund: str = ""
    subscription: str = ""

    def plant(self, *statements: str) -> None:
        """Break something as the owning role, around every guard."""
        with psycopg.connect(self.database.owner_url, autocommit=True) as connection:
            connection.execute(UNGUARDED)
            for statement in statements:
                connection.execute(statement.encode())

    async def examine(self) -> MoneyReport:
        """What is found now."""
        record = await service.ask(self.provider, self.clock.now())
        async with self.reading() as frame:
            return await service.examine(frame, record)

    def reading(self) -> AbstractAsyncContextManager[Frame]:
        """A frame that only reads."""
        return self.frames.reading(operation="tests.read", principal=LOCAL_OWNER, trace=trace.start())

    async def broken(self) -> dict[str, Finding]:
        """The rules that do not hold."""
        return {one.name: one for one in (await self.examine()).checks if one.state == "failed"}

    async def look(self) -> None:
        """What the worker does by itself, and all that follows from it."""
        await self.check()
        await self.work()

    async def check(self) -> None:
        """One look at the invariants."""
        context = Context(
            frames=self.frames, settings=Settings(), trace=trace.start(), name="invariants.check",
            services={"provider": self.provider},
        )  # fmt: skip
        await jobs.check(context)

    async def work(self) -> None:
        """Jobs and relay until nothing is left."""
        for _ in range(10):
            await money.run_jobs(self.frames, self.provider, JOBS)
            if not await testing_relay.once(self.frames, work.consumers({})):
                return


@pytest.fixture
async def shop(frames: Frames, writing: OpenFrame, clock: FixedClock, database: Cloned) -> Shop:
    """The shop, an hour after its last refund."""
    shop = Shop(frames, writing, FakeProvider(clock), database, clock)
    price = CatalogPrice(key="room-monthly", amount=Money(10_000, "USD"), interval="month", trial_days=0)
    sold = Catalog(products=[CatalogProduct(key="room", name="Room", kind="room", prices=[price])])
    async with writing() as frame:
        await catalog.apply(frame, sold, prune=False)
        user = await users.create(frame, CreateUser(email="ada@example.com", name="Ada"))
        asked = CreateSubscription(user=user.id, price="room-monthly", card="visa")
        shop.subscription = (await subscriptions.create(frame, asked)).id
        shop.user = user.id
    await shop.work()
    async with writing() as frame:
        shop.payment = (await subscriptions.show(frame, shop.subscription)).payment_id or ""
        shop.refund = (await refunds.issue(frame, shop.payment, IssueRefund(reason="duplicate", amount=2500))).id
    await shop.work()
    clock.instant += timedelta(hours=1)
    return shop


async def told(shop: Shop) -> list[tuple[str, str, int]]:
    """The events of rules that broke or healed: type, rule, version."""
    query = "SELECT type, aggregate_id, version FROM events WHERE aggregate_type = 'invariant' ORDER BY id"
    async with shop.writing() as frame:
        return [(row.type, row.aggregate_id, row.version) for row in await frame.all(text(query))]


async def line(shop: Shop) -> Check:
    """What `rtp doctor` says of the invariants."""
    async with shop.reading() as frame:
        return next(one for one in await checks.all_checks(frame) if one.name == "money")
