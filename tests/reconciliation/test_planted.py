"""Planted differences: all are found, none is invented, and after a plan was carried out a second look finds none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text
from structlog.testing import capture_logs

from rtp.db.frames import Frames
from rtp.disputes import jobs as dispute_jobs
from rtp.disputes import service as disputes
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.ledger import service as ledger
from rtp.payments import jobs as payment_jobs
from rtp.payments import service as payments
from rtp.payments.fakes import FakeProvider
from rtp.payments.ports import Listed, ProviderDispute, Unread
from rtp.payments.schemas import Payment
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import comparing, mending, service
from rtp.reconciliation.comparing import Comparison
from rtp.reconciliation.schemas import Difference, Look
from rtp.refunds import jobs as refund_jobs
from rtp.testing import reconciling
from rtp.testing.reconciling import Garden, Planted

JOBS = (*payment_jobs.JOBS, *refund_jobs.JOBS, *dispute_jobs.JOBS)
HOUR = timedelta(hours=1)


class Provider(FakeProvider):
    """The sandbox's rules in memory, by the sandbox's name."""

    name = "sandbox"


@pytest.fixture
def garden(frames: Frames, clock: FixedClock) -> Garden:
    provider = Provider(clock)

    async def object_to(payment: Payment) -> ProviderDispute:
        return provider.open_dispute(payment.id)

    return Garden(frames, provider, JOBS, object=object_to)


def comparison(garden: Garden, *, later: timedelta = HOUR, name: str = "sandbox") -> Comparison:
    """A comparison of a week, as it would be made some time later."""
    about: dict[str, Any] = {"operation": "tests.look", "principal": LOCAL_OWNER, "trace": trace.start()}
    now = garden.frames.clock.now()
    return Comparison(
        garden.provider, name, lambda: garden.frames.reading(**about), since=now - timedelta(days=7), now=now + later
    )


def found(look: Look) -> set[Planted]:
    return {(one.noun, one.kind, one.fix, one.name) for one in look.differences}


async def mended(garden: Garden, look: Look) -> list[Difference]:
    return [await mending.mend(comparison(garden), garden.writing, one) for one in look.differences]


async def test_every_planted_difference_is_found_and_no_other(garden: Garden) -> None:
    for _ in range(5):
        await garden.paid()
    planted = await reconciling.plant(garden)
    assert len(planted) == 18
    look = await comparison(garden).look()
    assert found(look) == planted
    assert (look.state, look.found, look.left_out) == ("differs", 18, 0)
    assert {one.safe for one in look.differences if one.fix == "set_aside"} == {False}


async def test_after_the_plan_was_carried_out_a_second_look_finds_none(garden: Garden) -> None:
    await reconciling.plant(garden)
    look = await comparison(garden).look()
    done = await mended(garden, look)
    assert {one.outcome for one in done} == {"mended", "set_aside"}
    again = await comparison(garden).look()
    assert found(again) == set()
    aside = sum(one.fix == "set_aside" for one in look.differences)
    assert (again.state, again.set_aside) == ("equal", aside)
    await garden.work()
    assert found(await comparison(garden).look()) == set()
    async with garden.writing() as frame:
        rows = await frame.all(text("SELECT state, count(*) FROM refunds GROUP BY state ORDER BY state"))
    assert [tuple(row) for row in rows] == [("failed", 1), ("succeeded", 5)]


async def test_the_ledger_holds_after_every_fix(garden: Garden) -> None:
    await reconciling.plant(garden)
    await mended(garden, await comparison(garden).look())
    await garden.work()
    async with garden.frames.reading(operation="t", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        verdict = await ledger.check(frame)
    assert [line.rule for line in verdict.rules if line.state == "broken"] == []


async def test_on_a_healthy_platform_with_traffic_nothing_is_invented(garden: Garden) -> None:
    """Payments and refunds in every state of being under way, while the two sides are compared again and again."""
    for _ in range(4):
        await garden.paid()
        payment, refund = await garden.returning()
        await garden.give_back(payment, refund)
    assert found(await comparison(garden, later=timedelta()).look()) == set()

    async def traffic() -> None:
        for _ in range(6):
            payment, refund = await garden.returning()
            await asyncio.sleep(0)
            await garden.give_back(payment, refund)

    busy = asyncio.create_task(traffic())
    looks = await asyncio.gather(*(comparison(garden, later=timedelta(minutes=9)).look() for _ in range(8)))
    await busy
    assert {planted for look in looks for planted in found(look)} == set()


async def test_what_a_job_is_about_to_move_is_not_a_difference(garden: Garden) -> None:
    payment = await garden.asked()
    assert len(found(await comparison(garden).look())) == 1
    async with garden.writing() as frame:
        frame.enqueue("payments.submit", payment=payment.id)
    assert found(await comparison(garden).look()) == set()


async def test_a_dispute_of_whose_end_an_event_waits_is_not_a_difference(garden: Garden) -> None:
    ended = reconciling.DISPUTES[2]
    _, _, _, name = await ended(garden)
    assert len(found(await comparison(garden).look())) == 1
    async with garden.writing() as frame:
        about = (await disputes.find(frame, name)).payment_id
        await frame.execute(
            text(
                """
                INSERT INTO webhooks_received (id, provider, event_id, type, about, body, headers, state, occurred_at,
                    received_at) VALUES (:id, 'sandbox', 'evt_1', 'dispute.closed', :about, '', '{}', 'received', now(),
                    now())
                """
            ),
            {"id": frame.ids.uuid(), "about": about},
        )
    assert found(await comparison(garden).look()) == set()


async def test_what_was_planned_and_has_changed_since_is_left_alone(garden: Garden) -> None:
    payment = await garden.asked()
    await garden.charge(payment)
    look = await comparison(garden).look()
    async with garden.writing() as frame:
        charge = await garden.provider.retrieve_charge_by_key(payment.id)
        assert charge is not None
        await payments.settle(frame, payment.id, charge)
    [done] = await mended(garden, look)
    assert done.outcome == "gone"


async def test_two_who_mend_the_same_at_once_do_it_once(garden: Garden) -> None:
    payment, refund = await garden.returning()
    await garden.give_back(payment, refund)
    look = await comparison(garden).look()
    both = await asyncio.gather(*(mended(garden, look) for _ in range(8)))
    assert Counter(one.outcome for [one] in both) == {"mended": 1, "gone": 7}
    async with garden.frames.reading(operation="t", principal=LOCAL_OWNER, trace=trace.start()) as frame:
        assert (await ledger.check(frame)).state == "held"


async def test_what_was_set_aside_is_found_again_when_either_side_changes(garden: Garden) -> None:
    payment = await garden.asked()
    await garden.charge(payment)
    async with garden.writing() as frame:
        await payments.fail(frame, await payments.lock(frame, payment.id), "card_declined")
    await mended(garden, await comparison(garden).look())
    assert (await comparison(garden).look()).set_aside == 1
    async with garden.writing() as frame:
        await frame.execute(text("UPDATE payments SET amount = amount + 1, tax = 0"))
    look = await comparison(garden).look()
    assert (look.set_aside, [one.kind for one in look.differences]) == (0, ["amount"])


async def test_more_rows_than_one_set_holds_are_all_compared(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "SET", 2)
    for _ in range(5):
        await garden.paid()
    planted = {await one(garden) for one in reconciling.PLANTS[:3]}
    assert found(await comparison(garden).look()) == planted


async def test_what_a_list_left_out_and_the_provider_has_when_asked_is_no_difference(
    garden: Garden, monkeypatch: pytest.MonkeyPatch
) -> None:
    await garden.paid()

    async def nothing(_: Any) -> list[Any]:
        return []

    monkeypatch.setattr(garden.provider, "list_charges", nothing)
    assert found(await comparison(garden).look()) == set()


async def test_what_cannot_be_written_here_is_named_and_neither_stops_nor_alters_the_comparison(
    garden: Garden, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await garden.paid()
    planted = {await reconciling.PLANTS[0](garden)}
    listed = garden.provider.list_charges
    unread = [Unread(ref="pi_9", key="pi_9", why="no currency here"), Unread(ref="pi_8", key=kept.id, why="too fine")]

    async def partly(since: Any) -> list[Any]:
        return Listed((one for one in await listed(since) if one.key != kept.id), unread)

    async def gone(key: str) -> Any:
        raise AssertionError(f"{key} was taken for a difference")

    monkeypatch.setattr(garden.provider, "list_charges", partly)
    retrieve = garden.provider.retrieve_charge_by_key
    monkeypatch.setattr(
        garden.provider, "retrieve_charge_by_key", lambda key: gone(key) if key == kept.id else retrieve(key)
    )
    with capture_logs() as logs:
        look = await comparison(garden).look()
    assert found(look) == planted
    assert look.unread == ["charge pi_9: no currency here", "charge pi_8: too fine"]
    [said] = [entry for entry in logs if entry["log_level"] == "warning"]
    assert (said["provider"], said["count"], said["first"]) == ("sandbox", 2, "charge pi_9: no currency here")


async def test_what_a_mend_was_refused_is_left_open(garden: Garden) -> None:
    await garden.asked()
    look = await comparison(garden).look()
    refused = [structs.replace(one, outcome="refused") for one in look.differences]
    async with garden.writing() as frame:
        assert (await service.keep_mend(frame, look, refused)).left_open == 1


async def test_a_look_is_kept_and_tells_of_new_differences_once(garden: Garden) -> None:
    await garden.asked()
    for _ in range(2):
        look = await comparison(garden).look()
        async with garden.writing() as frame:
            run = await service.keep_look(frame, look)
    assert (run.state, run.found, run.kind) == ("differs", 1, "look")
    async with garden.writing() as frame:
        [row] = await frame.all(text("SELECT count(*) FROM events WHERE type = 'reconciliation.differs'"))
    assert row[0] == 1


Planting = Callable[[Garden], Awaitable[Planted]]


@pytest.mark.parametrize("planting", [*reconciling.PLANTS, *reconciling.DISPUTES], ids=lambda one: one.__name__[1:])
async def test_each_difference_is_found_alone(garden: Garden, planting: Planting) -> None:
    planted = await planting(garden)
    assert found(await comparison(garden).look()) == {planted}
