"""A refund that somebody made by hand at the provider: told by webhook, found, proposed, taken in, and in the books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import msgspec
import pytest

from rtp.db.frames import Frames
from rtp.invariants import service as invariants
from rtp.kit import trace
from rtp.kit.money import Money
from rtp.payments.ports import ProviderRefund
from rtp.payments.schemas import Payment
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import mending
from rtp.reconciliation.comparing import Comparison
from rtp.reconciliation.schemas import Difference, Look
from rtp.sandbox.schemas import Control
from rtp.settings import Settings
from rtp.testing import webhooks
from tests.disputes.objections import Objections

ABOUT: dict[str, Any] = {"operation": "tests.look", "principal": LOCAL_OWNER}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, provider_webhook_secret=webhooks.SECRET)


class Counter(Objections):
    """The desk, somebody at the provider's own page, and who compares both."""

    async def by_hand(self, payment: Payment, amount: int) -> ProviderRefund:
        """Return money at the provider, and let its webhook arrive."""
        made = await self.provider.refund("re_by_hand", payment.provider_ref or "", Money(amount, "USD"), "dashboard")
        for event in self.provider.events():
            if event.type.startswith("refund."):
                await self.post(event)
        await self.work()
        return made

    def comparison(self) -> Comparison:
        now = self.clock.now()
        reading = partial(self.frames.reading, **ABOUT, trace=trace.start())
        return Comparison(self.provider, "sandbox", reading, since=now - timedelta(days=7), now=now)

    async def look(self) -> Look:
        """Compare both records, an hour later."""
        self.clock.instant += timedelta(hours=1)
        return await self.comparison().look()

    async def mend(self, found: Difference) -> Difference:
        """Carry one proposal out."""
        writing = partial(self.frames.writing, **ABOUT, trace=trace.start())
        return await mending.mend(self.comparison(), writing, found)

    async def broken(self) -> list[str]:
        """The invariants of money that do not hold."""
        record = await invariants.ask(self.provider, self.clock.now())
        async with self.frames.reading(**ABOUT, trace=trace.start()) as frame:
            return [one.name for one in (await invariants.examine(frame, record)).checks if one.state == "failed"]

    async def events(self, state: str) -> list[dict[str, Any]]:
        """Received events in a state."""
        return list((await self.read("webhooks/received", state=state))["items"])


@pytest.fixture
async def counter(api: httpx.AsyncClient, app: Any, frames: Frames) -> AsyncIterator[Counter]:
    async with Counter.opened(api, app, frames) as opened:
        yield opened


async def test_it_is_proposed_and_taken_in_and_nothing_stays_red(counter: Counter) -> None:
    payment = await counter.pay((1000, 250))
    made = await counter.by_hand(payment, 500)
    [event] = await counter.events("unmatched")
    assert event["about"] == "re_by_hand"
    [found] = (await counter.look()).differences
    assert (found.kind, found.fix, found.name, found.safe) == ("missing_here", "take", made.ref, True)
    assert await counter.broken() == ["provider record"]
    assert (await counter.mend(found)).outcome == "mended"
    await counter.work()
    [refund] = (await counter.read("refunds"))["items"]
    assert (refund["state"], refund["amount"]["amount"], refund["tax"]["amount"]) == ("succeeded", 500, 100)
    assert (refund["issued_by"], refund["provider_ref"]) == ("provider:sandbox", made.ref)
    assert (await counter.payment(payment))["refundable"]["amount"] == 750
    [event] = await counter.events("processed")
    assert event["outcome"] == "nothing new: the refund was succeeded"
    assert (await counter.look()).state == "equal"
    assert await counter.broken() == []
    await counter.books_hold()


async def test_two_who_take_it_in_at_once_do_it_once(counter: Counter) -> None:
    payment = await counter.pay((1000, 250))
    await counter.by_hand(payment, 500)
    [found] = (await counter.look()).differences
    done = await asyncio.gather(*(counter.mend(found) for _ in range(6)))
    assert {one.outcome for one in done} <= {"mended", "gone"}
    assert len((await counter.read("refunds"))["items"]) == 1
    await counter.books_hold()


async def test_what_is_pending_there_is_never_taken_in_for_it_would_be_paid_again(counter: Counter) -> None:
    payment = await counter.pay((1000, 250))
    counter.provider.book.steer(Control(refunds_pending=True))
    await counter.by_hand(payment, 500)
    [found] = (await counter.look()).differences
    assert (found.kind, found.fix) == ("missing_here", "set_aside")
    assert (await counter.mend(found)).outcome == "set_aside"
    counter.provider.book.steer(Control())
    [settled] = (await counter.look()).differences
    assert settled.fix == "take"
    assert (await counter.mend(settled)).outcome == "mended"
    await counter.work()
    assert [one.key for one in await counter.provider.list_refunds(payment.created_at)] == ["re_by_hand"]
    await counter.books_hold()


async def test_what_does_not_fit_is_set_aside_and_its_event_rests_once_a_person_closed_it(counter: Counter) -> None:
    payment = await counter.pay((1000, 250))
    await counter.refunded(payment, amount=1000)
    await counter.by_hand(payment, 500)
    counter.provider.says = "failed"
    await counter.work()
    counter.provider.says = ""
    held = await counter.refunded(payment, amount=1000)
    [found] = [one for one in (await counter.look()).differences if one.kind == "missing_here"]
    assert (found.fix, held["amount"]["amount"]) == ("set_aside", 1000)
    await counter.mend(found)
    assert "provider record" in await counter.broken()
    [aside] = (await counter.read("reconcile/aside", state="open"))["items"]
    closed = await counter.do(f"reconcile/aside/{aside['id']}/close", {"reason": "returned by hand and asked back"})
    assert closed.status_code == 200, closed.text
    assert await counter.events("unmatched") == []
    [event] = [one for one in await counter.events("ignored") if one["about"] == "re_by_hand"]
    assert "returned by hand and asked back" in event["outcome"]
    assert "provider record" not in await counter.broken()
