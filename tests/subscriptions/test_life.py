"""The life of a subscription on a real database, with the provider's stand-in and time that passes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from rtp.entitlements import service as entitlements
from rtp.entitlements.schemas import Decision
from rtp.errors import RtpError
from rtp.invariants import service as invariants
from rtp.kit import ids
from rtp.meta import checks
from rtp.payments import service as payments
from rtp.payments.errors import ProviderOutcomeUnknown
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import ProviderCharge
from rtp.refunds import service as refunds
from rtp.refunds.schemas import IssueRefund
from rtp.subscriptions import due, service, settling
from rtp.subscriptions.errors import AlreadySubscribed, CardRequired, PaymentUnderWay, SubscriptionStateRefused
from rtp.subscriptions.schemas import (
    CancelSubscription,
    CreateSubscription,
    RenewSubscription,
    ResumeSubscription,
    Subscription,
)
from rtp.today import service as today
from rtp.users import service as users
from rtp.users.schemas import UpdateUser

if TYPE_CHECKING:
    from tests.subscriptions.conftest import World

ADA = "ada@example.com"


async def decision(world: World, product: str, user: str = ADA) -> Decision:
    async with world.writing() as frame:
        return await entitlements.check(frame, user, product)


async def charges(world: World) -> list[ProviderCharge]:
    made = await world.provider.list_charges(utc("2020-01-01"))
    return [one for one in made if one.state == "succeeded"]


async def change(world: World, use_case: Any, held: Subscription, *request: Any) -> Subscription:
    done: Subscription = await world.do(use_case, held.id, *request)
    return done


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def test_without_a_trial_nothing_is_open_until_the_first_payment_succeeded(world: World) -> None:
    async with world.writing() as frame:
        made = await service.create(frame, CreateSubscription(user=ADA, price="alerts-monthly", card="visa"))
    assert (made.status, made.payment_state) == ("incomplete", "pending")
    assert (await decision(world, "alerts")).why == "first_payment_open"
    await world.work()
    held = await world.show(made.id)
    assert (held.status, held.payment_state) == ("active", "succeeded")
    assert (held.period_start, held.period_end) == (utc("2026-01-31T14:30"), utc("2026-02-28T14:30"))
    assert (await decision(world, "alerts")).open
    assert [one.amount.amount for one in await charges(world)] == [9700]


async def test_a_declined_first_card_leaves_it_incomplete_and_another_card_makes_it_active(world: World) -> None:
    held = await world.subscribe("alerts-monthly", card="declined")
    assert (held.status, held.payment_state, held.payment_failure) == ("incomplete", "failed", "card_declined")
    await change(world, service.renew, held, RenewSubscription(card="visa"))
    await world.work()
    assert (await world.show(held.id)).status == "active"
    assert (await decision(world, "alerts")).open


async def test_what_is_never_paid_expires_after_a_day_and_its_place_is_free_again(world: World) -> None:
    held = await world.subscribe("alerts-monthly", card="declined")
    await world.pass_(hours=23)
    ended = await world.show(held.id)
    assert ended.status == "incomplete_expired"
    assert (await decision(world, "alerts")).why == "never_paid"
    assert (await world.subscribe("alerts-monthly")).status == "active"
    assert (await decision(world, "alerts")).open


async def test_a_trial_is_charged_at_its_end_and_the_periods_keep_the_anchors_day(world: World) -> None:
    held = await world.subscribe("room-monthly")
    assert (held.status, held.payment_state) == ("trialing", "none")
    assert held.trial_end == held.period_end == utc("2026-02-07T14:30")
    assert (await decision(world, "room")).why == "trial"
    assert not await charges(world)
    await world.at("2026-02-07T14:30")
    held = await world.show(held.id)
    assert (held.status, held.period_end) == ("active", utc("2026-03-07T14:30"))
    await world.at("2026-03-07T14:30")
    after_clock_change = await world.show(held.id)
    assert after_clock_change.period_end == utc("2026-04-07T13:30")  # 09:30 in New York, before and after
    assert len(await charges(world)) == 2


async def test_month_ends_come_back_after_february(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    ends = [held.period_end]
    for _ in range(3):
        await world.at(ends[-1])
        ends.append((await world.show(held.id)).period_end)
    assert [f"{end:%m-%d}" for end in ends] == ["02-28", "03-31", "04-30", "05-31"]


async def test_another_zone_applies_from_the_next_period(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    async with world.writing() as frame:
        await users.update(frame, ADA, UpdateUser(timezone="Asia/Tokyo"))
    assert (await world.show(held.id)).period_end == utc("2026-02-28T14:30")
    await world.at("2026-02-28T14:30")
    # 14:30 UTC on 31 January is 23:30 of the same day in Tokyo, which knows no summer time.
    assert (await world.show(held.id)).period_end == utc("2026-03-31T14:30")
    await world.at("2026-03-31T14:30")
    assert (await world.show(held.id)).period_end == utc("2026-04-30T14:30")


async def test_a_trial_without_a_card_pauses_at_its_end_and_goes_on_with_one(world: World) -> None:
    held = await world.subscribe("room-monthly", card=None)
    await world.at("2026-02-07T14:30")
    held = await world.show(held.id)
    assert (held.status, (await decision(world, "room")).open) == ("paused", False)
    with pytest.raises(CardRequired):
        await change(world, service.resume, held, ResumeSubscription())
    await world.pass_(days=3)
    resumed = await change(world, service.resume, held, ResumeSubscription(card="visa"))
    assert resumed.status == "incomplete"
    assert not (await decision(world, "room")).open
    await world.work()
    held = await world.show(held.id)
    assert (held.status, held.period_end) == ("active", utc("2026-03-10T13:30"))


async def test_a_member_has_one_trial_of_a_product(world: World) -> None:
    held = await world.subscribe("room-monthly")
    await change(world, service.cancel, held, CancelSubscription(now=True))
    again = await world.subscribe("room-annual")
    assert (again.status, again.trial_end) == ("active", None)
    assert again.period_end == utc("2027-01-31T14:30")


async def test_a_failed_renewal_keeps_access_for_the_grace_and_is_tried_again_on_schedule(world: World) -> None:
    held = await world.subscribe("room-monthly", card="declined")
    await world.at("2026-02-07T14:30")
    held = await world.show(held.id)
    assert (held.status, held.due_at) == ("past_due", utc("2026-02-09T14:30"))
    assert held.grace_until == utc("2026-02-14T14:30")
    found = await decision(world, "room")
    assert (found.open, found.why, found.until) == (True, "grace", held.grace_until)
    tries = []
    for day in ("09", "14", "21", "28"):
        await world.at(f"2026-02-{day}T14:29")
        assert (await world.show(held.id)).payment_state == "failed"
        before = len(await world.provider.list_charges(utc("2020-01-01")))
        await world.at(f"2026-02-{day}T14:30")
        tries.append(len(await world.provider.list_charges(utc("2020-01-01"))) - before)
    assert tries == [1, 1, 1, 1]
    await world.pass_(seconds=1)
    held = await world.show(held.id)
    assert (held.status, held.due_at) == ("unpaid", None)
    assert (await decision(world, "room")).why == "unpaid"


async def test_access_ends_with_the_grace_even_if_no_worker_ran(world: World) -> None:
    held = await world.subscribe("room-monthly", card="declined")
    await world.at("2026-02-07T14:30")
    world.clock.instant = utc("2026-02-14T14:30")
    found = await decision(world, "room")
    assert (found.open, found.why) == (False, "grace_over")
    async with world.writing() as frame:
        listed = await service.services_of(frame, users.number(await users.resolve(frame, ADA)))
    assert [(one.open, one.why, one.subscription_id) for one in listed] == [(False, "grace_over", held.id)]


async def test_an_unpaid_subscription_that_is_paid_begins_anew_and_owes_nothing_for_the_time_between(
    world: World,
) -> None:
    held = await world.subscribe("room-monthly", card="declined")
    for day in ("02-07", "02-09", "02-14", "02-21", "02-28"):
        await world.at(f"2026-{day}T14:30")
    await world.at("2026-06-10T08:00")
    assert (await world.show(held.id)).status == "unpaid"
    await change(world, service.renew, held, RenewSubscription(card="visa"))
    await world.work()
    held = await world.show(held.id)
    assert (held.status, held.period_start, held.period_end) == (
        "active", utc("2026-06-10T08:00"), utc("2026-07-10T08:00"),
    )  # fmt: skip
    await world.pass_(days=1)
    assert len(await charges(world)) == 1


async def test_a_cancellation_at_the_periods_end_keeps_access_until_then_and_charges_nothing_more(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    held = await change(world, service.cancel, held, CancelSubscription())
    assert (held.status, held.cancel_at_period_end) == ("active", True)
    found = await decision(world, "alerts")
    assert (found.open, found.why, found.until) == (True, "ending", held.period_end)
    with pytest.raises(SubscriptionStateRefused):
        await change(world, service.cancel, held, CancelSubscription())
    await world.at(held.period_end)
    held = await world.show(held.id)
    assert (held.status, held.ended_at) == ("canceled", held.period_end)
    assert (await decision(world, "alerts")).why == "canceled"
    assert len(await charges(world)) == 1


async def test_a_scheduled_cancellation_can_be_taken_back(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    await change(world, service.cancel, held, CancelSubscription())
    held = await change(world, service.resume, held, ResumeSubscription())
    assert not held.cancel_at_period_end
    found = await decision(world, "alerts")
    assert (found.open, found.why, found.until) == (True, "active", None)
    await world.at(held.period_end)
    assert (await world.show(held.id)).status == "active"


async def test_canceling_now_closes_at_once_and_nothing_else_of_the_member(world: World) -> None:
    alerts = await world.subscribe("alerts-monthly")
    await world.subscribe("room-monthly")
    assert (await decision(world, "alerts")).open
    await change(world, service.cancel, alerts, CancelSubscription(now=True))
    assert not (await decision(world, "alerts")).open
    assert (await decision(world, "room")).open


async def test_a_pause_keeps_what_was_left_of_the_period(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    await world.at("2026-02-10T14:30")
    await change(world, service.pause, held)
    assert (await decision(world, "alerts")).why == "paused"
    await world.at("2026-05-01T00:00")
    resumed = await change(world, service.resume, held, ResumeSubscription())
    assert (resumed.status, resumed.period_end) == ("active", utc("2026-05-19T00:00"))
    assert (await decision(world, "alerts")).open
    assert len(await charges(world)) == 1


async def test_a_pause_after_the_period_ended_keeps_nothing_and_is_paid_for_when_resumed(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    world.clock.instant = held.period_end + timedelta(minutes=5)
    await change(world, service.pause, held)
    resumed = await change(world, service.resume, held, ResumeSubscription())
    assert (resumed.status, resumed.payment_state) == ("incomplete", "pending")
    await world.work()
    held = await world.show(held.id)
    assert (held.status, held.period_start) == ("active", world.clock.instant)
    assert len(await charges(world)) == 2


async def test_renewing_early_adds_a_period_and_a_declined_early_renewal_changes_nothing(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    await change(world, service.renew, held, RenewSubscription(card="declined"))
    await world.work()
    failed = await world.show(held.id)
    assert (failed.status, failed.payment_state, failed.period_end) == ("active", "failed", held.period_end)
    await change(world, service.renew, held, RenewSubscription(card="visa"))
    await world.work()
    renewed = await world.show(held.id)
    assert (renewed.period_start, renewed.period_end) == (held.period_start, utc("2026-03-31T13:30"))


async def test_a_second_live_subscription_to_a_product_is_refused_and_charges_nothing(world: World) -> None:
    await world.subscribe("alerts-monthly")
    with pytest.raises(AlreadySubscribed):
        await world.subscribe("alerts-monthly")
    await world.work()
    assert len(await charges(world)) == 1


async def test_a_settled_payment_told_twice_moves_the_period_once(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    assert held.payment_id is not None
    for _ in range(2):
        async with world.writing() as frame:
            assert await settling.payment_settled(frame, held.payment_id) is None
    assert (await world.show(held.id)).version == held.version


async def test_a_due_subscription_is_charged_once_however_often_the_worker_looks(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    for _ in range(3):
        await world.at(held.period_end)
    assert len(await charges(world)) == 2


async def test_what_is_not_due_is_left_alone(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    async with world.writing() as frame:
        assert await due.advance(frame, ids.parse("sub", held.id)) is None
    await world.work()
    assert (await world.show(held.id), len(await charges(world))) == (held, 1)


async def test_the_doctor_tells_of_subscriptions_that_no_worker_advances(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    states = []
    for minutes in (0, 11):
        world.clock.instant = held.period_end + timedelta(minutes=minutes)
        async with world.reading() as frame:
            found = {check.name: check for check in await checks.all_checks(frame)}
        states.append(found["renewals"].state)
    assert states == ["ok", "warning"]
    assert found["renewals"].detail.startswith("1 waiting")


async def test_two_workers_at_the_same_due_subscriptions_charge_each_once(world: World) -> None:
    ada, bob = await world.subscribe("alerts-monthly"), await world.subscribe("alerts-monthly", user="bob@example.com")
    assert ada.period_end == bob.period_end
    world.clock.instant = ada.period_end
    await asyncio.gather(*(world.look() for _ in range(4)))
    await world.work()
    assert len(await charges(world)) == 4


async def test_one_subscription_that_cannot_be_advanced_stops_no_other(world: World) -> None:
    ada, bob = await world.subscribe("alerts-monthly"), await world.subscribe("alerts-monthly", user="bob@example.com")
    async with world.writing() as frame:
        await frame.execute(text("UPDATE subscriptions SET zone = 'UTC', payment_method_id = :none WHERE id = :id"),
                            {"none": uuid4(), "id": ids.parse("sub", ada.id)})  # fmt: skip
    await world.at(ada.period_end)
    assert (await world.show(bob.id)).period_end > bob.period_end
    held = await world.show(ada.id)
    assert (held.status, held.due_at) == ("active", ada.period_end + timedelta(hours=1))


async def test_what_is_being_charged_is_not_canceled_paused_or_renewed(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    await change(world, service.renew, held, RenewSubscription())
    for use_case, request in (
        (service.cancel, (CancelSubscription(now=True),)),
        (service.pause, ()),
        (service.renew, (RenewSubscription(),)),
    ):
        with pytest.raises(PaymentUnderWay):
            await change(world, use_case, held, *request)


class Lost(FakeProvider):
    """Takes the money, and its answer never arrives."""

    async def charge(
        self, key: str, amount: Any, card_ref: str, description: str, capture: bool = True
    ) -> ProviderCharge:
        await super().charge(key, amount, card_ref, description, capture)
        raise ProviderOutcomeUnknown(key=key, why="the connection was lost")


async def test_an_unknown_outcome_waits_for_the_provider_and_then_counts_once(world: World) -> None:
    held = await world.subscribe("alerts-monthly")
    lost = Lost()
    known, world.provider = world.provider, lost
    lost.book = known.book
    async with world.writing() as frame:
        await service.renew(frame, held.id, RenewSubscription())
    await world.work()
    held = await world.show(held.id)
    assert held.payment_id is not None
    async with world.writing() as frame:
        settled = await payments.find(frame, held.payment_id)
    assert settled.state == "succeeded"
    assert (held.payment_state, held.period_end) == ("succeeded", utc("2026-03-31T13:30"))
    assert len(await charges(world)) == 2


async def test_an_archived_price_is_kept_by_who_has_it_and_refused_to_others(world: World) -> None:
    from rtp.products import catalog
    from rtp.products.schemas import Catalog

    held = await world.subscribe("alerts-monthly")
    async with world.writing() as frame:
        await catalog.apply(frame, Catalog(products=[]), prune=True)
    await world.at(held.period_end)
    assert (await world.show(held.id)).status == "active"
    with pytest.raises(RtpError) as refusal:
        await world.subscribe("alerts-monthly", user="bob@example.com")
    assert refusal.value.exit_code == 7


@pytest.mark.parametrize(
    "status, since, event",
    [("canceled", "ended_at", "paid_after_end"), ("paused", "paused_at", "paid_while_paused")],
)
async def test_money_that_comes_after_the_end_or_in_a_pause_opens_nothing_and_a_person_is_told_until_it_goes_back(
    world: World, status: str, since: str, event: str
) -> None:
    async with world.writing() as frame:
        asked = CreateSubscription(user="ada@example.com", price="alerts-monthly", card="visa")
        made = await service.create(frame, asked)
    async with world.writing() as frame:
        await frame.execute(
            text(f"UPDATE subscriptions SET status = :status, due_at = NULL, {since} = :now"),
            {"now": frame.now, "status": status},
        )
    world.clock.instant += timedelta(minutes=1)
    await world.work()
    shown = await world.show(made.id)
    assert (shown.status, shown.payment_state) == (status, "succeeded")
    async with world.reading() as frame:
        told = await frame.all(text("SELECT type FROM events WHERE type LIKE 'subscription.paid%'"))
        assert [row.type for row in told] == [f"subscription.{event}"]
        [row] = (await today.show(frame)).attention
        found = await invariants.paid_for_nothing(frame)
    assert (row.what, row.count) == ("payments that paid for nothing and did not go back", 1)
    assert row.command == f"rtp refunds preview {made.payment_id}" == found.fix
    async with world.writing() as frame:
        await refunds.issue(frame, made.payment_id or "", IssueRefund(reason="service_not_provided"))
    async with world.reading() as frame:
        assert (await today.show(frame)).attention == []
