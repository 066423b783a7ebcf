"""Each invariant of money: nothing is found on a healthy platform, and each planted break is, by its name and id."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import text

from rtp.db.frame import Frame
from rtp.db.frames import Frames
from rtp.invariants import jobs, policy, service
from rtp.invariants.schemas import Finding, LastReport, MoneyReport
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
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.subscriptions import jobs as subscription_jobs
from rtp.subscriptions import service as subscriptions
from rtp.subscriptions.schemas import CreateSubscription
from rtp.testing import money
from rtp.testing import relay as testing_relay
from rtp.testing.plugin import OpenFrame
from rtp.testing.servers import Cloned
from rtp.today import service as today
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


async def test_nothing_is_found_on_a_healthy_platform(shop: Shop) -> None:
    report = await shop.examine()
    assert [(one.name, one.state, one.detail) for one in report.checks if one.state != "ok"] == []
    assert report.state == "ok"
    assert "charges 1, refunds 1:" in next(one.detail for one in report.checks if one.name == "provider record")


UNBALANCED = """
    INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at)
    SELECT uuidv7(), transaction_id, kind, source, account, 1, currency, user_id, at FROM ledger LIMIT 1
"""
OVERDRAWN = """
    INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at)
    SELECT uuidv7(), '00000000-0000-7000-8000-000000000001', 'balance.adjusted', uuidv7(), account, amount, 'USD',
        user_id, at
    FROM (SELECT user_id, at FROM ledger LIMIT 1) one,
        (VALUES ('member credit', 500), ('credits given', -500)) side (account, amount)
"""
WAITING_JOB = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts, priority, scheduled_at)
    VALUES ('default', 'jobs.sweep', '{}', 'todo', 0, 0, now() - interval '11 minutes')
"""
WEBHOOK = """
    INSERT INTO webhooks_received
        (id, provider, event_id, type, body, headers, state, occurred_at, received_at, next_attempt_at)
    VALUES (uuidv7(), 'sandbox', 'evt', 'refund.succeeded', '', '{}', 'received', '2026-03-02 15:00Z',
        '2026-03-02 15:00Z', NULL)
"""
SUSPENDED = ["UPDATE users SET status = 'suspended'", "UPDATE subscriptions SET due_at = '2026-03-03 15:00Z'"]
A_WEEK_AGO = """
    INSERT INTO payments (id, user_id, method_id, amount, currency, captured, state, purpose, source, provider, version,
        created_at, settled_at)
    SELECT uuidv7(), user_id, method_id, amount, currency, captured, state, purpose, source, 'elsewhere', 1,
        at, at FROM payments, (SELECT timestamptz '2026-02-23 15:00Z' AS at) one, generate_series(1, {number})
"""
CLOCKWORK = """
    INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp)
    VALUES ('jobs.rescue', extract(epoch FROM now() - interval '{minutes} minutes'))
"""
UNRETURNED = "UPDATE payments SET refunds_held = 0"
QUIET = "UPDATE payments SET settled_at = '2026-03-02 14:00Z' WHERE provider <> 'elsewhere'"
"""Nothing was taken in the last hour."""


@pytest.mark.parametrize(
    "name, plant, examples",
    [
        ("ledger", [UNBALANCED], "every transaction balances"),
        ("refund caps", ["UPDATE refunds SET amount = 10001"], "pay_"),
        ("refund caps", ["UPDATE payments SET refunds_held = 0"], "pay_"),
        ("line caps", ["UPDATE refund_lines SET net = 10001"], "pay_"),
        ("provider record", ["UPDATE payments SET state = 'failed'"], "failed here, succeeded there"),
        ("provider record", ["UPDATE refunds SET amount = 2400"], "24.00 USD here, 25.00 USD there"),
        ("provider record", ["DELETE FROM refunds"], "only the provider has it"),
        ("jobs due", [WAITING_JOB], "job_"),
        ("subscriptions due", ["UPDATE subscriptions SET due_at = '2026-03-02 15:00Z'"], "sub_"),
        ("payments under way", ["UPDATE payments SET state = 'submitted'"], "pay_"),
        ("refunds under way", ["UPDATE refunds SET state = 'created'"], "rfd_"),
        ("webhooks due", [WEBHOOK], "whr_"),
        ("access without cause", ["UPDATE subscriptions SET status = 'canceled'"], "ent_"),
        ("access without cause", ["DELETE FROM subscriptions"], "ent_"),
        ("cause without access", ["UPDATE entitlements SET open = false"], "sub_"),
        ("balances", [OVERDRAWN], "usr_"),
        ("periods", ["UPDATE subscriptions SET period_start = '2026-03-02 16:00Z'"], "sub_"),
        ("periods", ["UPDATE subscriptions SET due_at = NULL"], "sub_"),
        ("work by the clock", [CLOCKWORK.format(minutes=11)], "jobs.rescue"),
        ("paid for nothing", [UNRETURNED, "UPDATE subscriptions SET ended_at = '2026-03-02 14:00Z'"], "pay_"),
        ("paid for nothing", [UNRETURNED, "UPDATE subscriptions SET paused_at = '2026-03-02 14:00Z'"], "pay_"),
        ("paid for nothing", [UNRETURNED, "UPDATE subscriptions SET payment_state = 'failed'"], "pay_"),
        ("members who are suspended", SUSPENDED, "sub_"),
        ("members who are suspended", ["UPDATE users SET deleted_at = now()", SUSPENDED[1]], "sub_"),
        ("unknown outcomes", ["UPDATE refunds SET state = 'unknown'"], "rfd_"),
        ("unknown outcomes", ["UPDATE payments SET state = 'unknown'"], "pay_"),
    ],
)
async def test_a_planted_break_is_found(shop: Shop, name: str, plant: list[str], examples: str) -> None:
    shop.plant(*plant)
    found = (await shop.broken())[name]
    assert found.count >= 1
    assert any(examples in one for one in found.examples)
    assert found.fix.startswith("rtp ")


@pytest.mark.parametrize(
    "plant, names",
    [
        ("UPDATE subscriptions SET due_at = '2026-03-02 15:25Z'", set()),
        ("UPDATE entitlements SET until = '2026-03-02 15:00Z'; UPDATE subscriptions SET status = 'canceled'", set()),
        ("UPDATE entitlements SET open = false, revoked_until = '2026-04-02'", set()),
        (WEBHOOK.replace("NULL", "'2026-03-02 16:00Z'"), set()),
        (WAITING_JOB.replace("'11 minutes'", "'9 minutes'"), set()),
        (WAITING_JOB.replace("'todo'", "'succeeded'"), set()),
        ("UPDATE users SET status = 'suspended'", set()),
        (f"{SUSPENDED[0]}; {SUSPENDED[1]}, cancel_at_period_end = true", set()),
        (f"{SUSPENDED[0]}; UPDATE subscriptions SET due_at = '2026-03-03 16:00Z'", set()),
        ("UPDATE subscriptions SET period_start = '2026-03-02 15:35Z'", set()),
        (CLOCKWORK.format(minutes=9), set()),
        (CLOCKWORK.format(minutes=11) + ";" + CLOCKWORK.format(minutes=1), set()),
        ("UPDATE subscriptions SET ended_at = '2026-03-02 14:00Z'", set()),
        ("UPDATE subscriptions SET payment_state = 'failed'", set()),
        ("UPDATE refunds SET state = 'waiting', decided_at = NULL", {"ledger", "provider record"}),
    ],
)
async def test_what_only_looks_like_a_break_is_none(shop: Shop, plant: str, names: set[str]) -> None:
    shop.plant(*plant.split(";"))
    assert set(await shop.broken()) == names


@pytest.mark.parametrize(
    "environment, a_week_ago, quiet, found",
    [
        ("prod", 10, True, True),
        ("prod", 9, True, False),
        ("prod", 10, False, False),
        ("staging", 10, True, False),
        ("dev", 10, True, False),
    ],
)
async def test_on_prod_an_hour_without_any_of_the_usual_payments_is_a_break(
    shop: Shop, environment: Any, a_week_ago: int, quiet: bool, found: bool
) -> None:
    shop.frames.premises = replace(shop.frames.premises, environment=environment)
    just_now = "UPDATE payments SET settled_at = '2026-03-02 15:20Z' WHERE provider <> 'elsewhere'"
    shop.plant(A_WEEK_AGO.format(number=a_week_ago), QUIET if quiet else just_now)
    [one] = [one for one in (await shop.examine()).checks if one.name == "payments taken"]
    assert (one.state == "failed", [id[:4] for id in one.examples]) == (found, ["pay_"] if found else [])


async def test_a_charge_that_only_the_provider_has_is_found(shop: Shop) -> None:
    await shop.provider.charge("by-hand", Money(700, "USD"), (await shop.provider.tokenize("visa")).ref, "by hand")
    shop.clock.instant += timedelta(hours=1)
    found = (await shop.broken())["provider record"]
    assert found.examples == ["by-hand: only the provider has it"]


async def test_a_charge_that_the_provider_does_not_have_is_found(shop: Shop) -> None:
    shop.provider = FakeProvider(shop.clock)
    found = (await shop.broken())["provider record"]
    assert found.examples == [
        f"{shop.payment}: the provider does not have it", f"{shop.refund}: the provider does not have it",
    ]  # fmt: skip


async def test_a_consumer_that_is_behind_is_found(shop: Shop) -> None:
    async with shop.writing() as frame:
        frame.record("payment.succeeded", shop.payment, 9, after={"source": "test"})
    found = (await shop.broken())["events due"]
    assert "subscriptions" in found.examples


async def test_a_provider_that_is_away_leaves_its_rule_unjudged(shop: Shop) -> None:
    await shop.provider.steer(Control(down=True))
    report = await shop.examine()
    assert report.state == "warning"
    assert [one.name for one in report.checks if one.state == "warning"] == ["provider record"]


async def test_an_unknown_refund_with_its_question_queued_is_not_found(shop: Shop) -> None:
    shop.plant("UPDATE refunds SET state = 'unknown', settled_at = NULL")
    async with shop.writing() as frame:
        frame.enqueue("refunds.reconcile", at=frame.after(3600), refund=shop.refund, asked=1)
    assert "unknown outcomes" not in await shop.broken()


async def test_the_job_keeps_what_it_found_and_tells_when_a_rule_breaks_and_heals(shop: Shop) -> None:
    await shop.look()
    shop.plant("UPDATE entitlements SET open = false")
    for _ in range(2):
        await shop.look()
    async with shop.writing() as frame:
        assert (await service.last(frame)).broken == ["cause without access"]
    shop.plant("UPDATE entitlements SET open = true")
    await shop.look()
    assert await told(shop) == [
        ("invariant.broken", "cause without access", 2), ("invariant.healed", "cause without access", 3),
    ]  # fmt: skip
    async with shop.writing() as frame:
        assert await service.last(frame) == LastReport(at=shop.clock.now(), broken=[], unjudged=[])


async def told(shop: Shop) -> list[tuple[str, str, int]]:
    query = "SELECT type, aggregate_id, version FROM events WHERE aggregate_type = 'invariant' ORDER BY id"
    async with shop.writing() as frame:
        return [(row.type, row.aggregate_id, row.version) for row in await frame.all(text(query))]


async def test_two_looks_at_once_tell_of_a_break_once(shop: Shop) -> None:
    shop.plant("UPDATE entitlements SET open = false")
    await asyncio.gather(*(shop.check() for _ in range(4)))  # one relay works at a time, so it comes after them
    await shop.work()
    assert await told(shop) == [("invariant.broken", "cause without access", 1)]


async def test_doctor_and_the_morning_page_show_what_the_job_found(shop: Shop) -> None:
    assert (await line(shop)).detail == "not looked at yet: rtp doctor money does"
    await shop.look()
    assert (await line(shop)).state == "ok"
    shop.clock.instant += policy.LATEST + timedelta(minutes=1)
    assert (await line(shop)).detail == "last looked at 31 min ago"
    await shop.provider.steer(Control(down=True))
    await shop.look()
    assert (await line(shop)).detail == "could not be judged: provider record"
    await shop.provider.steer(Control())
    shop.plant("UPDATE entitlements SET open = false")
    await shop.look()
    found = await line(shop)
    assert (found.state, found.fix) == ("failed", "rtp doctor money")
    async with shop.reading() as frame:
        page = await today.show(frame)
    assert ("rules of money that do not hold", 1) in [(one.what, one.count) for one in page.attention]


async def line(shop: Shop) -> Check:
    async with shop.reading() as frame:
        return next(one for one in await checks.all_checks(frame) if one.name == "money")


async def test_over_the_api_every_rule_is_looked_at_now(api: httpx.AsyncClient) -> None:
    report = (await api.get("/v1/doctor/money")).json()
    assert report["state"] == "warning"
    silent = next(one for one in report["checks"] if one["name"] == "provider record")
    assert "RTP_PROVIDER_URL" in silent["detail"]
    assert {one["state"] for one in report["checks"] if one is not silent} == {"ok"}
