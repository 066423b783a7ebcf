"""A refund that failed at the provider after it had succeeded, and of which no webhook came."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from rtp.kit import trace
from rtp.ledger import service as ledger
from rtp.payments import service as payments
from rtp.payments.fakes import FakeProvider
from rtp.permissions import LOCAL_OWNER
from rtp.reconciliation import mending
from rtp.refunds import adopting, settling
from rtp.refunds import service as refunds
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
