"""A look at the ledger reaches as far as it must: to what is new; once a day, and while it is broken, to all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rtp.db import partitions
from rtp.invariants import policy, repository, service
from rtp.invariants.policy import Reach
from rtp.invariants.schemas import Finding
from rtp.kit.clock import FixedClock
from rtp.ledger import rules
from rtp.meta import checks
from tests.invariants.shop import Shop, shop, told

__all__ = ["shop"]
NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    """Entries have ids of the real time, so the clock begins there."""
    return FixedClock(datetime.now(UTC))


async def kept(shop: Shop) -> Finding:
    async with shop.reading() as frame:
        return (await repository.last(frame))["ledger"][0]


async def reach(shop: Shop) -> Reach | None:
    async with shop.reading() as frame:
        return await service.reach(frame)


def aged(shop: Shop, days: int) -> None:
    """Let everything in the ledger be so much older: as if it had been looked at long ago."""
    then = shop.clock.instant - timedelta(days=days)
    with partitions.owning(shop.database.owner_url) as connection:
        partitions.ensure(connection, then, ("ledger",))
        connection.commit()
    old = partitions.lowest_id(then)
    shop.plant(f"UPDATE ledger SET id = ('{str(old)[:13]}' || substr(id::text, 14))::uuid")


async def test_the_first_look_is_at_everything_and_the_next_ones_at_what_is_new(shop: Shop) -> None:
    assert await reach(shop) is None
    await shop.check()
    assert (await kept(shop)).detail.endswith("entries")
    whole_at = shop.clock.now()
    shop.clock.instant += timedelta(minutes=5)
    assert await reach(shop) == Reach(since=whole_at - policy.OVERLAP, whole_at=whole_at)
    await shop.check()
    said = (await kept(shop)).detail
    assert said.endswith(
        f"entries; transactions and movements since {whole_at - policy.OVERLAP:%Y-%m-%d %H:%M} UTC, "
        f"all of them at {whole_at:%Y-%m-%d %H:%M} UTC"
    )
    shop.clock.instant = whole_at + timedelta(days=1)
    await shop.check()
    assert (await kept(shop)).detail.endswith("entries")


UNBALANCED = """
    INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at)
    SELECT uuidv7(), transaction_id, kind, source, account, 1, currency, user_id, at FROM ledger ORDER BY id LIMIT 1
"""
TWICE = """
    INSERT INTO ledger (id, transaction_id, kind, source, account, amount, currency, user_id, at)
    SELECT uuidv7(), '00000000-0000-7000-8000-000000000001', kind, source, account, amount, currency, user_id, at
    FROM ledger WHERE kind = 'payment.fee'
"""


@pytest.mark.parametrize(
    "planted, rule",
    [(UNBALANCED, "every transaction balances"), (TWICE, "each movement is posted once")],
)
async def test_a_new_entry_that_breaks_something_old_is_found_by_a_look_at_what_is_new(
    shop: Shop, planted: str, rule: str
) -> None:
    aged(shop, 3)
    await shop.check()
    shop.plant(planted)
    shop.clock.instant += timedelta(minutes=5)
    assert await reach(shop) is not None
    await shop.check()
    found = await kept(shop)
    assert found.state == "failed"
    assert any(one.startswith(rule) for one in found.examples)
    await shop.work()
    assert await told(shop) == [("invariant.broken", "ledger", 2)]


async def test_what_somebody_changed_in_an_old_entry_is_found_within_a_day_and_at_once_by_who_asks(shop: Shop) -> None:
    aged(shop, 3)
    await shop.check()
    shop.plant("UPDATE ledger SET amount = amount + 1 WHERE kind = 'payment.fee' AND amount > 0")
    shop.clock.instant += timedelta(minutes=5)
    await shop.check()
    assert "all of them at" in (await kept(shop)).detail, "it said that it did not look there"
    assert "ledger" in await shop.broken(), "rtp doctor money looks at everything"
    shop.clock.instant += timedelta(days=1)
    await shop.check()
    assert (await kept(shop)).state == "failed"


async def test_what_is_broken_does_not_heal_by_growing_old(shop: Shop) -> None:
    await shop.check()
    shop.plant(UNBALANCED)
    await shop.check()
    assert (await kept(shop)).state == "failed"
    aged(shop, 3)
    for _ in range(2):
        shop.clock.instant += timedelta(minutes=5)
        await shop.check()
        assert (await kept(shop)).state == "failed"
    shop.plant("DELETE FROM ledger WHERE amount = 1")
    shop.clock.instant += timedelta(minutes=5)
    await shop.check()
    assert (await kept(shop)).detail.endswith("entries"), "it was mended, and all of it was looked at"


async def test_doctor_says_how_far_it_looked(shop: Shop) -> None:
    async def line() -> str:
        async with shop.reading() as frame:
            return next(one.detail for one in await checks.all_checks(frame) if one.name == "ledger")

    assert (await line()).endswith("entries")
    await shop.check()
    assert "transactions and movements since" in await line()


@pytest.mark.parametrize(
    "state, checked, whole, since",
    [
        ("ok", timedelta(minutes=5), timedelta(hours=23), timedelta(minutes=65)),
        ("ok", timedelta(days=3), timedelta(hours=23), timedelta(days=3, hours=1)),
        ("ok", timedelta(minutes=-5), timedelta(hours=23), timedelta(hours=1)),
        ("ok", timedelta(minutes=5), timedelta(days=1), None),
        ("ok", timedelta(minutes=5), timedelta(0), timedelta(minutes=65)),
        ("ok", timedelta(days=-365), timedelta(microseconds=-1), None),
        ("ok", timedelta(minutes=5), None, None),
        ("failed", timedelta(minutes=5), timedelta(minutes=5), None),
        ("warning", timedelta(minutes=5), timedelta(minutes=5), None),
    ],
)
def test_how_far_a_look_reaches(
    state: str, checked: timedelta, whole: timedelta | None, since: timedelta | None
) -> None:
    found = policy.reach(state, NOW - checked, None if whole is None else NOW - whole, NOW)
    assert (found and found.since) == (None if since is None else NOW - since)


def test_the_overlap_is_longer_than_a_plan_and_its_transaction() -> None:
    from rtp.db import plans

    assert policy.OVERLAP > 2 * plans.LIFETIME


def test_only_rules_that_an_entry_alone_can_break_are_looked_at_in_part() -> None:
    for rule, (_, breaking) in rules.RECENT.items():
        assert rule in rules.RULES
        tables = {word for word in ("payments", "refunds", "disputes", "payment_lines") if word in rules.RULES[rule][1]}
        assert tables == set(), rule
        assert ":since" in breaking
