"""Defects of reconciliations that were seen in use, each as the behaviour that must not be.

The numbers are those of the list they come from; those of refunds have their tests there.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from rtp.kit import ids, trace
from rtp.kit.money import Money
from rtp.payments import methods
from rtp.payments import service as payments
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import mending
from rtp.reconciliation.comparing import Comparison
from rtp.reconciliation.schemas import Difference, Look
from rtp.subscriptions import service as subscriptions
from rtp.subscriptions.schemas import CancelSubscription, Subscription
from rtp.users import service as users
from tests.invariants.shop import Shop, shop

__all__ = ["shop"]
PRICE = Money(10_000, "USD")


def comparison(shop: Shop) -> Comparison:
    now = shop.clock.now()
    return Comparison(shop.provider, shop.provider.name, shop.reading, since=now - timedelta(days=7), now=now)


async def mended(shop: Shop, look: Look) -> list[Difference]:
    writing = partial(shop.frames.writing, operation="tests.mend", principal=LOCAL_OWNER, trace=trace.start())
    return [await mending.mend(comparison(shop), writing, one) for one in look.differences]


async def charged_and_lost(shop: Shop) -> str:
    """A renewal that the provider took, and whose answer and job are gone."""
    async with shop.writing() as frame:
        user = await users.resolve(frame, shop.user)
        method = await methods.use(frame, users.number(user), "visa")
        made = await payments.charge(frame, method, amount=PRICE, purpose="renewal", source=shop.subscription)
    async with shop.writing() as frame:
        await frame.execute(text("DELETE FROM procrastinate_jobs WHERE args ->> 'payment' = :id"), {"id": made.id})
        await payments.submit(frame, made.id)
        under_way = "UPDATE subscriptions SET payment_id = :id, payment_state = 'pending', payment_cause = 'due'"
        await frame.execute(text(under_way), {"id": ids.parse("pay", made.id)})
    await shop.provider.charge(made.id, PRICE, (await shop.provider.tokenize("visa")).ref, "renewal")
    shop.clock.instant += timedelta(hours=1)
    return made.id


async def subscription(shop: Shop) -> Subscription:
    async with shop.reading() as frame:
        return await subscriptions.show(frame, shop.subscription)


async def test_8_a_pause_by_hand_is_not_undone_by_what_is_mended(shop: Shop) -> None:
    async with shop.writing() as frame:
        await subscriptions.pause(frame, shop.subscription)
    await charged_and_lost(shop)
    before = await subscription(shop)
    look = await comparison(shop).look()
    assert [(one.noun, one.kind, one.fix) for one in look.differences] == [("charge", "status", "settle")]
    assert await subscription(shop) == before, "a look writes nothing"
    [done] = await mended(shop, look)
    await shop.work()
    after = await subscription(shop)
    assert (done.outcome, after.payment_state) == ("mended", "succeeded")
    assert (after.status, after.paused_at, after.period_end) == ("paused", before.paused_at, before.period_end)
    assert "paid for nothing" in await shop.broken(), "what was paid meanwhile is not forgotten"


@pytest.mark.parametrize("key", ["ours", "the provider's"])
async def test_8_what_is_canceled_here_and_still_charged_there_is_found(shop: Shop, key: str) -> None:
    async with shop.writing() as frame:
        await subscriptions.cancel(frame, shop.subscription, CancelSubscription(now=True))
    if key == "ours":
        name = await charged_and_lost(shop)
    else:
        card = (await shop.provider.tokenize("visa")).ref
        name = (await shop.provider.charge("sub-there-7", PRICE, card, "renewal")).ref
        shop.clock.instant += timedelta(hours=1)
    look = await comparison(shop).look()
    assert [(one.noun, one.name) for one in look.differences] == [("charge", name)]
    [done] = await mended(shop, look)
    await shop.work()
    after = await subscription(shop)
    assert (after.status, (await shop.broken()).keys() & {"paid for nothing", "provider record"}) == (
        "canceled", {"paid for nothing" if key == "ours" else "provider record"},
    )  # fmt: skip
    assert done.outcome == ("mended" if key == "ours" else "set_aside")


async def test_8_an_unpaid_subscription_that_the_provider_says_nothing_of_is_not_canceled(shop: Shop) -> None:
    async with shop.writing() as frame:
        await frame.execute(text("UPDATE subscriptions SET status = 'unpaid', due_at = NULL"))
    before = await subscription(shop)
    look = await comparison(shop).look()
    assert (look.differences, await mended(shop, look), await subscription(shop)) == ([], [], before)
