"""A refund that failed at the provider after it had succeeded, and of which no webhook came, however late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from rtp.jobs.spec import Context
from rtp.kit import trace
from rtp.kit.clock import FixedClock
from rtp.ledger import service as ledger
from rtp.payments import service as payments
from rtp.payments.fakes import FakeProvider
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import jobs, mending, policy, service
from rtp.reconciliation.schemas import Run, RunLine
from rtp.refunds import adopting, settling
from rtp.refunds import service as refunds
from rtp.settings import Settings
from rtp.testing.reconciling import Garden
from tests.reconciliation.test_planted import comparison, garden

__all__ = ["garden"]


def come_back(provider: Any, key: str) -> None:
    """The member's bank sent the money back."""
    assert isinstance(provider, FakeProvider)
    made = provider.book.record.refunds[key]
    failed = structs.replace(made.refund, state="failed", failure_reason="card_account_closed")
    provider.book.record.refunds[key] = structs.replace(made, refund=failed)


async def looked_and_mended(garden: Garden, name: str, payment: str) -> None:
    look = await comparison(garden).look()
    [found] = look.differences
    assert (found.noun, found.kind, found.fix, found.name, found.safe) == ("refund", "status", "settle", name, True)
    done = await mending.mend(comparison(garden), garden.writing, found)
    assert (done.outcome, done.note) == ("mended", "it is failed now")
    assert (await mending.mend(comparison(garden), garden.writing, found)).outcome == "gone"
    async with garden.writing() as frame:
        assert (await refunds.find(frame, name)).state == "failed"
        assert (await payments.find(frame, payment)).refunded.amount == 0
    about: dict[str, Any] = {"operation": "tests.check", "principal": LOCAL_OWNER, "trace": trace.start()}
    async with garden.frames.reading(**about) as frame:
        checked = await ledger.check(frame)
    assert checked.state == "held", checked.rules
    assert (await comparison(garden).look()).state == "equal"


async def test_it_is_found_and_booked_by_the_plan(garden: Garden) -> None:
    payment, refund = await garden.returning()
    given = await garden.give_back(payment, refund)
    async with garden.writing() as frame:
        await settling.settle(frame, refund.id, given)
    assert (await comparison(garden).look()).state == "equal"
    come_back(garden.provider, refund.id)
    await looked_and_mended(garden, refund.id, payment.id)


async def test_so_is_one_that_was_made_at_the_provider_and_taken_in(garden: Garden) -> None:
    payment = await garden.paid()
    made = await garden.provider.refund("by-hand", payment.provider_ref or "", payment.amount, "duplicate")
    async with garden.writing() as frame:
        refund = await adopting.take_in(frame, payment.id, made)
    come_back(garden.provider, "by-hand")
    await looked_and_mended(garden, refund.id, payment.id)


async def nightly(garden: Garden) -> RunLine:
    """What the job of this night found."""
    context = Context(
        frames=garden.frames, settings=Settings(), trace=trace.start(), name="reconciliation.look",
        services={"provider": garden.provider},
    )  # fmt: skip
    await jobs.look(context)
    async with garden.writing() as frame:
        run = await service.last(frame)
    assert run is not None
    return run


async def test_weeks_later_it_is_found_within_a_week_and_every_night_until_it_is_mended(
    garden: Garden, clock: FixedClock
) -> None:
    payment, refund = await garden.returning()
    given = await garden.give_back(payment, refund)
    async with garden.writing() as frame:
        await settling.settle(frame, refund.id, given)
    clock.instant += timedelta(days=30)
    assert (await nightly(garden)).left_open == 0
    come_back(garden.provider, refund.id)
    found = []
    for _ in range(9):
        clock.instant += timedelta(days=1)
        found.append((await nightly(garden)).left_open)
    assert found == [0] * 6 + [1] * 3
    async with garden.writing() as frame:
        run = await service.last(frame)
        assert run is not None
        [difference] = (await service.show(frame, run.id)).differences
    assert (await mending.mend(comparison(garden), garden.writing, difference)).outcome == "mended"
    clock.instant += timedelta(days=1)
    assert (await nightly(garden)).left_open == 0


NOW = datetime(2026, 3, 2, 4, 17, tzinfo=UTC)


def run(days_ago: float, span: int, *, left_open: int = 0, kind: Any = "look", provider: str = "sandbox") -> Run:
    at = NOW - timedelta(days=days_ago)
    return Run(
        id="rec_1", kind=kind, state="differs" if left_open else "equal", provider=provider,
        since=at - timedelta(days=span), until=at, charges=0, refunds=0, disputes=0, found=0, left_open=left_open,
        set_aside=0, started_by="system", created_at=at, differences=[],
    )  # fmt: skip


@pytest.mark.parametrize(
    "runs, days",
    [
        ([], 90),
        ([run(1, 7)], 90),
        ([run(1, 90)], 7),
        ([run(1, 7), run(6.9, 90)], 7),
        ([run(1, 7), run(7, 90)], 90),
        ([run(1, 90, kind="mend")], 90),
        ([run(1, 200, left_open=1)], 201),
        ([run(1, 7, left_open=1), run(2, 90)], 8),
        ([run(1, 7), run(2, 90, left_open=1)], 92),
        ([run(0.1, 1, kind="mend"), run(1, 8, left_open=1), run(2, 90)], 9),
        ([run(1, 90), run(2, 88, left_open=1)], 7),
        ([run(1, 7), run(2, 30, left_open=1, provider="other"), run(3, 90)], 7),
        ([run(-1, 90)], 90),
    ],
)
def test_it_compares_a_week_and_once_a_week_ninety_days_and_what_was_left_open(runs: list[Run], days: int) -> None:
    assert NOW - policy.reach(NOW, runs) == timedelta(days=days)
