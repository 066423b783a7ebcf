"""The invariants of money as a whole: nothing on a healthy platform, what is kept and told, what doctor shows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx

from rtp.invariants import policy, service
from rtp.invariants.schemas import LastReport
from rtp.kit.money import Money
from rtp.payments.fakes import FakeProvider
from rtp.sandbox.schemas import Control
from rtp.today import service as today
from tests.invariants.shop import Shop, line, shop, told

__all__ = ["shop"]


async def test_nothing_is_found_on_a_healthy_platform(shop: Shop) -> None:
    report = await shop.examine()
    assert [(one.name, one.state, one.detail) for one in report.checks if one.state != "ok"] == []
    assert report.state == "ok"
    assert "charges 1, refunds 1:" in next(one.detail for one in report.checks if one.name == "provider record")


async def test_a_charge_that_only_the_provider_has_is_found(shop: Shop) -> None:
    await shop.provider.charge("by-hand", Money(700, "USD"), (await shop.provider.tokenize("visa")).ref, "by hand")
    shop.clock.instant += timedelta(hours=1)
    found = (await shop.broken())["provider record"]
    assert (found.examples, found.fix) == (["by-hand: only the provider has it"], "rtp reconcile run")


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


async def test_over_the_api_every_rule_is_looked_at_now(api: httpx.AsyncClient) -> None:
    report = (await api.get("/v1/doctor/money")).json()
    assert report["state"] == "warning"
    silent = next(one for one in report["checks"] if one["name"] == "provider record")
    assert "RTP_PROVIDER_URL" in silent["detail"]
    assert {one["state"] for one in report["checks"] if one is not silent} == {"ok"}
